// All that is free inside allocators, and why it is still there: what reasons and cures are drawn
// from.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "heapparse/image/image.h"
#include "heapparse/malloc/malloc_heap.h"
#include "heapparse/pymalloc/pymalloc_heap.h"
#include "heapparse/usage/glibc_space.h"
#include "heapparse/usage/pool_fill.h"
#include "heapparse/usage/waterfall.h"

namespace coreheap::usage {

struct FreeMemory {
  std::vector<GlibcSpace> glibc;  // as the list of heaps
  PoolFill pools;
  ArenaSpace sum;  // of all arenas of glibc

  std::size_t arenas = 0;
  std::size_t threads = 0;
  std::uint64_t other_arenas_free = 0;  // resident and free, outside of the main arena
  std::uint64_t thread_tops = 0;        // resident tops of arenas that are not main
  std::uint64_t tcache = 0;             // bytes that threads cache
  std::uint64_t large_free = 0;         // resident, in free runs of at least the default threshold
  std::uint64_t beyond_two_arenas = 0;  // free_resident of all arenas but the two largest
  std::uint64_t shared_anonymous = 0;   // anonymous pages that other processes map too
  glibc::MallocParameters parameters;   // of the largest heap
};
FreeMemory free_memory(const image::Image& image, const std::vector<glibc::MallocHeap>& heaps,
                       const pymalloc::PymallocHeap& pymalloc);

// glibc's defaults on 64-bit machines.
inline constexpr std::uint64_t kDefaultMmapThreshold = 128 << 10;
inline constexpr std::uint64_t kDefaultTrimThreshold = 128 << 10;

// From here on a threshold has grown: every process frees something of a little over the default.
inline constexpr std::uint64_t kGrownMmapThreshold = 1 << 20;

// Has a free of a large block raised the threshold from which blocks get a mapping of their own?
bool mmap_threshold_grew(const glibc::MallocParameters& parameters);

// Why free memory stays in the process.
struct Reason {
  std::string_view id;  // stable: "not_trimmed", "pinned", "mmap_threshold", "arenas", ...
  std::string sentence;
  std::uint64_t bytes = 0;  // that it speaks of
};
// Only reasons that figures carry; most bytes first.
std::vector<Reason> why_it_stays(const FreeMemory& memory, const Waterfall& waterfall);

// What would give memory back.
struct Cure {
  std::string_view id;      // stable: "malloc_trim", "mmap_threshold", "arena_max", ...
  std::string_view action;  // "malloc_trim(0) now"
  std::uint64_t bytes = 0;
  bool computed = false;  // page by page; else an estimate, and estimates overlap
  bool restart = false;   // takes a new process
  std::string why;
};
// Only cures that would bring 1 % of the total and a mebibyte; most bytes first.
std::vector<Cure> cures(const FreeMemory& memory, const Waterfall& waterfall);

}  // namespace coreheap::usage
