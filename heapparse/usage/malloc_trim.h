// What malloc_trim(0) would give back, page by page.
//
// The call walks every arena. It merges fastbin chunks into free neighbours, gives back the whole
// pages inside each chunk that waits in a bin (the first 48 bytes hold its links and stay), and
// lowers brk in the main arena until less than a page of top is left. It leaves the tops of other
// arenas, whatever a tcache holds, and free chunks without a whole page inside. No version since
// 2.8 does otherwise; what differs (fastbins, huge pages) is read from the heap.
//
// Invariant: ranges are sorted, disjoint, whole pages, and hold no byte of a chunk in use.
#pragma once

#include <cstdint>
#include <vector>

#include "heapparse/base/address.h"
#include "heapparse/image/image.h"
#include "heapparse/malloc/malloc_heap.h"

namespace coreheap::usage {

// Free chunks side by side, as they are once fastbins are merged; `top` when the arena's top is its
// end.
struct FreeRun {
  AddressRange range;
  std::uint16_t arena = 0;
  bool top = false;
};
// Sorted. Chunks in a tcache count as in use, as malloc_trim has it.
std::vector<FreeRun> free_runs(const glibc::MallocHeap& heap);

struct TrimmedRange {
  AddressRange pages;
  std::uint16_t arena = 0;
  bool top = false;            // by lowering brk
  std::uint64_t resident = 0;  // of it, where residency is known
};

struct TrimPrediction {
  std::vector<TrimmedRange> ranges;
  std::uint64_t bytes = 0;     // address space of them
  std::uint64_t resident = 0;  // what RSS would lose

  // Bytes of `range` that would go: the resident ones where that is known.
  std::uint64_t bytes_in(AddressRange range, const image::Residency& residency) const;
};
TrimPrediction predict_trim(const image::Image& image, const glibc::MallocHeap& heap);

}  // namespace coreheap::usage
