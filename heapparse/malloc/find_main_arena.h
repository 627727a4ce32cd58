// Finds every malloc_state ring of the image by its shape; see the .cpp for how.
#pragma once

#include <cstdint>
#include <vector>

#include "heapparse/base/finding.h"
#include "heapparse/base/parallel.h"
#include "heapparse/image/image.h"
#include "heapparse/image/symbols.h"
#include "heapparse/malloc/layout.h"

namespace coreheap::glibc {

// The arenas of one libc.
struct ArenaRing {
  std::int32_t module = -1;  // whose data holds the main arena; -1 outside of modules
  AddressRange place;        // the data range in which it was found
  const ArenaLayout* layout = nullptr;
  std::vector<Address> bins;  // address of bins[0] of each arena: main first, then ring order
  std::uint32_t heap_info_bytes = 0;  // 0: no heap to tell
  std::uint64_t heap_max = kDefaultHeapMax;
  bool closed = false;  // the ring led back to the main arena
  std::vector<Evidence> evidence;
  Findings findings;

  Address arena(std::size_t index) const { return bins[index] - layout->bins; }
};

// All rings with memory of their own (system_mem > 0), in module order.
std::vector<ArenaRing> find_rings(const image::Image& image, const image::Symbols& symbols,
                                  JobControl& job);

}  // namespace coreheap::glibc
