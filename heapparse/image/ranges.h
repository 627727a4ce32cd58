// Arithmetic on sets of address ranges: what is mapped, resident, missing, lost.
//
// A set is a sorted vector of disjoint, non-empty, non-touching ranges; `normalised` makes one of
// anything.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "heapparse/base/address.h"

namespace coreheap::image {

using Ranges = std::vector<AddressRange>;

// Sorts, drops empty ranges, merges what overlaps or touches.
Ranges normalised(Ranges ranges);

// The part of `set` that is not in `holes`, and the part that is. Both arguments normalised.
Ranges subtract(std::span<const AddressRange> set, std::span<const AddressRange> holes);
Ranges intersect(std::span<const AddressRange> a, std::span<const AddressRange> b);

// The first range of a normalised set that ends after `a`; set.end() when there is none.
std::span<const AddressRange>::iterator first_ending_after(std::span<const AddressRange> set,
                                                           Address a);

std::uint64_t total_size(std::span<const AddressRange> set);

// Bytes of `range` inside the normalised `set`.
std::uint64_t bytes_in(std::span<const AddressRange> set, AddressRange range);

}  // namespace coreheap::image
