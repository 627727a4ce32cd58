// Walks the chunks of one segment from its first chunk to its end.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "heapparse/image/address_space.h"
#include "heapparse/malloc/free_lists.h"
#include "heapparse/malloc/layout.h"
#include "heapparse/malloc/malloc_heap.h"

namespace coreheap::glibc {

struct WalkInput {
  AddressRange range;  // chunks lie in here; range.begin is before or at the first chunk
  Address first_chunk;
  Address top;  // the arena's top when it lies in this segment, else 0
  std::uint16_t arena = 0;
  bool is_heap = false;  // of a heap_info; else a region of the main arena
  // The end is not known: the segment ends behind the first pair of fenceposts (regions of a main
  // arena that is not contiguous). Else a pair in the middle is where somebody else took memory
  // from brk.
  bool open_end = false;
  // Free chunks of the whole heap, sorted by address and unique.
  std::span<const FreeEntry> entries;
  // Chunks of these sizes are remembered: they may hold the tcache of a thread that is gone.
  std::uint64_t remember_from = 0;
  std::uint64_t remember_to = 0;  // inclusive; 0: none
};

struct WalkOutput {
  std::vector<Chunk> chunks;
  std::vector<Overhead> overhead;
  std::vector<Address> remembered;
  Findings findings;
  Address end;  // behind the last chunk
  std::uint64_t damaged_stretches = 0;
  std::uint64_t unlisted_free = 0;  // flags say free, no bin has it
  std::uint64_t listed_in_use = 0;  // in a bin, flags say in use
  std::uint64_t not_met = 0;        // listed inside the range, but no chunk begins there
};

WalkOutput walk_segment(const image::AddressSpace& space, const WalkInput& input);

// Regions of a main arena whose memory is not contiguous have no list: page starts in `range` from
// which a chain of sound chunks leads to a pair of fenceposts or to `top` (its header to the end of
// its region).
std::vector<AddressRange> find_regions(const image::AddressSpace& space, AddressRange range,
                                       std::uint64_t page_size, AddressRange top);

}  // namespace coreheap::glibc
