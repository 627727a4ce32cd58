// Which allocation holds an address: binary search over pools, then over malloc chunks.
//
// For the few look-ups of finders; the census has an index of its own.
#pragma once

#include <optional>
#include <vector>

#include "heapparse/malloc/malloc_heap.h"
#include "heapparse/pymalloc/pymalloc_heap.h"

namespace coreheap::python {

struct Allocation {
  Address start;            // what the allocator returned
  std::uint64_t bytes = 0;  // usable
};

std::optional<Allocation> allocation_holding(const std::vector<glibc::MallocHeap>& heaps,
                                             const pymalloc::PymallocHeap& pymalloc, Address a);

}  // namespace coreheap::python
