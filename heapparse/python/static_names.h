// Names of static types whose C strings are out of reach: told by what the heap says of each.
//
// A name found here is either certain or ends with kGuessMark. Certain: a type flag means it, or
// the type's base, sizes, keys and documentation are those of one type of this version; where
// several are described alike, a module's key, or the order in which they were made, must decide. A
// guess: the key under which some module has the type, or the names that it could have.
#pragma once

#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "heapparse/python/object_reader.h"
#include "heapparse/python/runtime.h"
#include "heapparse/python/type_table.h"
#include "heapparse/python/types/type_object.h"

namespace coreheap::python {

inline constexpr char kGuessMark = '?';

// The name without its mark.
inline std::string_view unmarked(std::string_view name) {
  if (name.ends_with(kGuessMark)) name.remove_suffix(1);
  return name;
}

// Names every type of `types` (sorted by address) that has no name yet, and sets `name_from_heap`.
// `core_data`: where the runtime's own types lie.
void name_static_types(ObjectReader& reader, const Runtime& runtime,
                       std::span<const AddressRange> core_data,
                       const std::unordered_map<Address, TypeView>& views,
                       std::vector<PythonType>& types);

}  // namespace coreheap::python
