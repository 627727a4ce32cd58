// Reads the arenas of a ring and finds their segments.
#pragma once

#include <vector>

#include "heapparse/image/image.h"
#include "heapparse/malloc/find_main_arena.h"
#include "heapparse/malloc/find_parameters.h"
#include "heapparse/malloc/malloc_heap.h"

namespace coreheap::glibc {

// The fields of every malloc_state, main first.
std::vector<Arena> read_arenas(const image::Image& image, const ArenaRing& ring);

MainArenaFacts main_arena_facts(const Arena& main);

// A segment and how to walk it.
struct SegmentPlan {
  Segment segment;
  Address first_chunk;
  bool open_end = false;
};

struct SegmentPlans {
  std::vector<SegmentPlan> plans;
  std::vector<Overhead> overhead;      // heap headers, tails, alignment
  std::vector<AddressRange> reserved;  // whole heaps, [start, start + heap_max)
  Findings findings;
};

// Heaps of all arenas but the main one.
void find_heap_segments(const image::Image& image, const ArenaRing& ring,
                        std::vector<Arena>& arenas, SegmentPlans& out);

// The main arena's memory: from sbrk_base to the end of top, or several mmapped regions.
void find_main_segments(const image::Image& image, const ArenaRing& ring, const Arena& main,
                        const MallocParameters& parameters,
                        const std::vector<AddressRange>& exclude, SegmentPlans& out);

}  // namespace coreheap::glibc
