// Do all pools' free lists agree with their headers? Only yes or no: LiveBlocks says what is wrong.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "heapparse/image/address_space.h"
#include "heapparse/pymalloc/pymalloc_heap.h"

namespace coreheap::pymalloc {

// Appends the indices (into `pools`, plus `offset`) of the pools whose list does not hold, in any
// order.
void check_free_lists(const image::AddressSpace& space, std::span<const Pool> pools,
                      std::size_t offset, const Geometry& geometry,
                      std::vector<std::size_t>& flawed);

}  // namespace coreheap::pymalloc
