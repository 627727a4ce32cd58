// Finds the chunks that have a mapping of their own.
#pragma once

#include <cstdint>
#include <vector>

#include "heapparse/image/image.h"
#include "heapparse/malloc/layout.h"
#include "heapparse/malloc/malloc_heap.h"

namespace coreheap::glibc {

struct MmappedChunk {
  AddressRange mapping;
  Address chunk;  // header; behind mapping.begin when memalign moved it
  std::uint64_t size = 0;
};

// Every header in `memory` (sorted, disjoint) that has the form of a mmapped chunk, sorted. May
// hold more than there are: see choose_mmapped.
std::vector<MmappedChunk> mmapped_candidates(const image::Image& image,
                                             const std::vector<AddressRange>& memory,
                                             const MmappedRule& rule);

// Brings the candidates down to what mp_ counts, where the totals tell which to leave out.
void choose_mmapped(const MallocParameters& parameters, const MmappedRule& rule,
                    std::vector<MmappedChunk>& candidates, std::vector<Evidence>& evidence,
                    Findings& findings);

}  // namespace coreheap::glibc
