// The raw memory an object owns beside itself: list items, key tables, string data.
//
// Each type's rules name the start of each allocation and what it is. An allocation
// has at most one owner; key tables that instances share belong to their class.
#pragma once

#include <cstdint>

#include "heapparse/base/function_ref.h"
#include "heapparse/python/decoder.h"

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
  type_data,        // tables of a type object
  code_data,        // tables of a code object
  stringio_buffer,  // characters of io.StringIO
  io_buffer,        // buffer of a buffered file
  iterator_state,   // indices and cycles of itertools
  memo_table,       // of a pickler
  digits,           // of a Decimal
  element_children,
  stream_state,  // of zlib, bz2, lzma, hashes
  format_codes,  // of struct.Struct, ctypes types
  ctypes_data,   // contents of a ctypes object
  module_state,
  lock,
  other,  // raw memory that an object points to as its own
};

struct OwnedBuffer {
  BufferKind kind;
  Address start;  // of the allocation as the program sees it (debug hooks' prefix not included)
};

// Can instances of this type own buffers at all? Decided once a type, so that most objects cost
// nothing.
bool may_own_buffers(const layouts::Layout& layout, const PythonType& type);

// Calls visit for each. Bounded by the object's own validated sizes.
void for_each_owned_buffer(Decoder& decoder, const Object& object,
                           FunctionRef<void(const OwnedBuffer&)> visit);

}  // namespace coreheap::python
