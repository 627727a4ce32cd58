// What lies around an address: block or range, chunk or pool, mapping and module.
#pragma once

#include <vector>

#include "commands/report.h"
#include "heapparse/census/census.h"
#include "heapparse/image/image.h"
#include "heapparse/malloc/malloc_heap.h"
#include "heapparse/pymalloc/pymalloc_heap.h"

namespace coreheap::commands {

KeyValues block_values(const census::Census& census, census::RowId row, Address a);
KeyValues range_values(const census::Range& range, Address a);
// Empty when no allocator holds the address.
KeyValues allocator_values(const pymalloc::PymallocHeap& pymalloc,
                           const std::vector<glibc::MallocHeap>& heaps, Address a);
KeyValues place_values(const image::Image& image, const image::Mapping* mapping, Address a);

}  // namespace coreheap::commands
