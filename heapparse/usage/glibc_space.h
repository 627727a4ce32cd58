// How glibc's arenas use the pages they have: what is free in each, what of that is resident, what
// malloc_trim(0) would give back, and what a chunk in use on the same page holds back.
//
// Invariant: for each arena free_resident = trimmable + held; where residency is unknown, address
// space stands for it.
#pragma once

#include <cstdint>
#include <vector>

#include "heapparse/usage/malloc_trim.h"

namespace coreheap::usage {

struct ArenaSpace {
  std::uint64_t mapped = 0;         // its segments
  std::uint64_t resident = 0;       // of them
  std::uint64_t used = 0;           // in chunks handed out
  std::uint64_t free = 0;           // in bins, fastbins, tcaches and top
  std::uint64_t free_resident = 0;  // of it
  std::uint64_t top = 0;
  std::uint64_t top_resident = 0;
  std::uint64_t trimmable = 0;  // resident bytes that malloc_trim(0) gives back
  std::uint64_t held = 0;       // free and resident, and it would stay
  std::uint64_t largest_free = 0;

  ArenaSpace& operator+=(const ArenaSpace& other);  // largest_free: of both
};

// Free chunks of like size: [min_size, 2 * min_size).
struct FreeSizes {
  std::uint64_t min_size = 0;
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  std::uint64_t resident = 0;
  std::uint64_t trimmable = 0;
};

struct GlibcSpace {
  std::vector<ArenaSpace> arenas;  // as MallocHeap::arenas
  std::vector<FreeSizes> sizes;    // ascending, non-empty ones; without tops
  TrimPrediction trim;
  bool resident_known = false;
  ArenaSpace sum() const;
};
GlibcSpace glibc_space(const image::Image& image, const glibc::MallocHeap& heap);

}  // namespace coreheap::usage
