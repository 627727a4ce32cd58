// The allocators' memory cut into cells of one size, each with what is live, free and resident in
// it: the picture that `map` draws.
//
// Invariant: cells are aligned to their size, sorted and disjoint; live + free + other = mapped,
// and resident <= mapped, where `mapped` counts only bytes of the chosen regions.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "heapparse/base/parallel.h"
#include "heapparse/census/census.h"
#include "heapparse/image/image.h"
#include "heapparse/malloc/malloc_heap.h"
#include "heapparse/pymalloc/pymalloc_heap.h"
#include "heapparse/usage/pinners.h"

namespace coreheap::usage {

enum class RegionKind : std::uint8_t { pymalloc, glibc, glibc_mmap };

struct Region {
  AddressRange range;
  RegionKind kind = RegionKind::glibc;
  std::uint16_t arena = 0;  // of glibc, within its heap
  std::uint32_t heap = 0;
};
// All regions that allocators own, sorted and disjoint.
std::vector<Region> allocator_regions(const pymalloc::PymallocHeap& pymalloc,
                                      const std::vector<glibc::MallocHeap>& heaps);

struct MapCell {
  Address begin;
  RegionKind kind = RegionKind::glibc;  // of most bytes
  std::uint64_t mapped = 0;
  std::uint64_t resident = 0;
  std::uint64_t live = 0;   // rows in use
  std::uint64_t free = 0;   // rows free or cached
  std::uint64_t other = 0;  // headers, slack, what no row is
  bool pinner = false;      // one of the largest pinners lies in it
};

struct MemoryMap {
  std::uint64_t cell_bytes = 0;
  std::vector<MapCell> cells;  // only those with mapped bytes
  bool resident_known = false;
};

// The smallest power of two from a page on with which the regions take at most `most` cells.
std::uint64_t cell_bytes_for(const std::vector<Region>& regions, std::uint64_t page,
                             std::size_t most);

// `pinned`: marks cells, unless null. `cell_bytes` is a power of two.
MemoryMap memory_map(const image::Image& image, const census::Census& census,
                     const std::vector<Region>& regions, std::uint64_t cell_bytes,
                     const Pinned* pinned, JobControl& job);

}  // namespace coreheap::usage
