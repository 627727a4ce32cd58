// The raw memory an object owns beside itself: list items, key tables, string data.
//
// One function over the views: it names the start of each allocation and what it is. An allocation
// has at most one owner; key tables that instances share belong to their class.
#pragma once

#include <cstdint>
#include <functional>

#include "heapparse/python/object_reader.h"
#include "heapparse/python/type_table.h"

namespace coreheap::python {

enum class BufferKind : std::uint8_t {
  list_items,
  dict_keys,
  dict_keys_shared,
  dict_values,
  dict_table,
  set_table,
  bytearray_bytes,
  str_data,
  str_utf8,
  str_wstr,
  deque_block,
  odict_nodes,
  array_items,
  type_name,
};

// Can instances of this type own buffers at all? Decided once a type, so that most objects cost
// nothing.
bool may_own_buffers(const layouts::Layout& layout, const PythonType& type);

struct OwnedBuffer {
  BufferKind kind;
  Address start;  // of the allocation as the program sees it (debug hooks' prefix not included)
};

// Calls visit for each. Bounded by the object's own validated sizes.
void for_each_owned_buffer(ObjectReader& reader, const PythonType& type, Address object,
                           const std::function<void(const OwnedBuffer&)>& visit);

}  // namespace coreheap::python
