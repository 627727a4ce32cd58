// How full pymalloc's pools and arenas are, and what would go if a few objects went.
//
// An arena goes back to the system only when no block in it lives; a pool can serve another size
// class only when it is empty. So what an arena holds back is its resident memory less its live
// blocks, and what it takes to free it is the number of those.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "heapparse/image/image.h"
#include "heapparse/pymalloc/pymalloc_heap.h"

namespace coreheap::usage {

// Pools in use by fill: up to a quarter, a half, three quarters, below full, full.
inline constexpr std::size_t kFillSteps = 5;
std::size_t fill_step(std::uint64_t live, std::uint64_t capacity);

struct ClassFill {
  std::uint32_t size_class = 0;
  std::uint32_t block_bytes = 0;
  std::array<std::uint64_t, kFillSteps> pools{};
  std::uint64_t live = 0;
  std::uint64_t capacity = 0;
  std::uint64_t free_bytes() const { return capacity > live ? (capacity - live) * block_bytes : 0; }
};

struct ArenaFill {
  std::uint32_t arena = 0;  // index into PymallocHeap::arenas
  std::uint64_t live_blocks = 0;
  std::uint64_t live_bytes = 0;
  std::uint64_t resident = 0;  // address space where residency is unknown
  std::uint64_t held() const { return resident > live_bytes ? resident - live_bytes : 0; }
};

// If the `objects` blocks that live in the emptiest arenas went, these would be free.
struct FreedIf {
  std::uint64_t objects = 0;
  std::uint64_t arenas = 0;
  std::uint64_t bytes = 0;  // resident
};

struct PoolFill {
  std::vector<ClassFill> classes;  // with pools in use, ascending
  std::vector<ArenaFill> arenas;   // fewest live blocks first
  std::vector<FreedIf> freed_if;   // by powers of ten, then all
  std::uint64_t resident = 0;
  std::uint64_t live_bytes = 0;
  std::uint64_t held = 0;
  std::uint64_t free_pools = 0;
  bool resident_known = false;
};
PoolFill pool_fill(const image::Image& image, const pymalloc::PymallocHeap& heap);

}  // namespace coreheap::usage
