// The blocks in use that stand at the ends of heaps: what keeps top, and so brk, from going down.
//
// Without a call of malloc_trim only the free end of a heap goes back to the system. The last block
// in use decides where that end begins; were it gone, the free chunks below it would join top.
#pragma once

#include <cstdint>
#include <vector>

#include "heapparse/base/address.h"
#include "heapparse/image/image.h"
#include "heapparse/malloc/malloc_heap.h"

namespace coreheap::usage {

struct HeapEnd {
  std::uint16_t arena = 0;
  Address block;            // pointer of the last block in use below top; a cached one counts
  std::uint64_t size = 0;   // its chunk
  std::uint64_t top = 0;    // free bytes above it
  std::uint64_t below = 0;  // free bytes right below it, which would join top
};
// Of each arena with a top that begins behind a block in use; most bytes below first.
std::vector<HeapEnd> heap_ends(const glibc::MallocHeap& heap);

}  // namespace coreheap::usage
