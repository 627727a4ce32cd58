// Which arena of a ring an address of the heap belongs to, without having walked anything.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "heapparse/image/address_space.h"
#include "heapparse/malloc/find_main_arena.h"
#include "heapparse/malloc/layout.h"

namespace coreheap::glibc {

class Ownership {
 public:
  // `main`: the contiguous region of the main arena; empty when it has none (then every address
  // outside of heaps may be the main arena's).
  Ownership(const ArenaRing& ring, AddressRange main) : main_(main), heap_max_(ring.heap_max) {
    for (std::size_t i = 1; i < ring.bins.size(); ++i) {
      arenas_.emplace_back(ring.arena(i), static_cast<std::uint16_t>(i));
    }
    std::sort(arenas_.begin(), arenas_.end());
  }

  std::optional<std::uint16_t> arena_of(image::Reader& reader, Address chunk) const {
    if (main_.contains(chunk)) return std::uint16_t{0};
    const Address heap = chunk.aligned_down(heap_max_);
    if (const auto arena = reader.read_address(heap + HeapInfoLayout::kArena)) {
      const auto it =
          std::lower_bound(arenas_.begin(), arenas_.end(), std::pair{*arena, std::uint16_t{0}});
      if (it != arenas_.end() && it->first == *arena) return it->second;
    }
    if (main_.empty()) return std::uint16_t{0};
    return std::nullopt;
  }

 private:
  AddressRange main_;
  std::uint64_t heap_max_;
  std::vector<std::pair<Address, std::uint16_t>> arenas_;
};

}  // namespace coreheap::glibc
