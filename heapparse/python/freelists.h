// Dead objects that CPython keeps for reuse, where a walk of the interpreter's own lists is needed
// to tell them from live ones.
//
// Most lists need no walk: a dead object keeps its type and has refcount 0. The exceptions are
// floats, which link through their type word, key tables, which have no type, and versions whose
// lists link through the first word (the refcount's place).
#pragma once

#include <string_view>
#include <vector>

#include "heapparse/base/address.h"
#include "heapparse/python/object_reader.h"
#include "heapparse/python/runtime.h"

namespace coreheap::python {

struct FreeListEntry {
  Address address;        // of the dead object (behind its GC head) or key table
  std::string_view list;  // "float", "tuple", "dict keys"
};

// Sorted by address. Damaged lists end early.
std::vector<FreeListEntry> free_list_entries(const image::AddressSpace& space,
                                             const Runtime& runtime);

}  // namespace coreheap::python
