// Arenas that no array lists (the array is damaged, or was cut off a truncated core), from where
// pools lie.
//
// Pools count as an arena when they cannot be chance: several side by side that name one slot, as
// carving leaves them, or pools that hang in a ring with others. All else that looks like a pool is
// refused.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "heapparse/image/image.h"
#include "heapparse/pymalloc/pool_scan.h"

namespace coreheap::pymalloc {

struct DeducedArena {
  AddressRange range;
  std::uint32_t slot = 0;
  std::size_t pools = 0;
};

// `pools`: candidates outside `known`, both sorted by address. `arena_bytes` is 0 when nothing is
// known.
std::vector<DeducedArena> deduce_arenas(const image::Image& image, std::span<const Candidate> pools,
                                        std::span<const AddressRange> known, const Shape& shape,
                                        std::uint64_t arena_bytes);

// The size of arenas where no arena_object tells.
std::uint64_t usual_arena_bytes(const Shape& shape, std::span<const Candidate> pools);

}  // namespace coreheap::pymalloc
