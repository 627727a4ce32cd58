// Two steps back from each top.
#include "heapparse/usage/heap_ends.h"

#include <algorithm>

namespace coreheap::usage {

namespace {

using glibc::Chunk;
using glibc::ChunkState;

bool is_free(const Chunk& chunk) {
  return chunk.state == ChunkState::bin || chunk.state == ChunkState::fastbin;
}

}  // namespace

std::vector<HeapEnd> heap_ends(const glibc::MallocHeap& heap) {
  std::vector<HeapEnd> ends;
  for (std::size_t a = 0; a < heap.arenas.size(); ++a) {
    const auto at = std::lower_bound(heap.chunks.begin(), heap.chunks.end(), heap.arenas[a].top,
                                     [](const Chunk& c, Address top) { return c.address < top; });
    if (at == heap.chunks.end() || at->state != ChunkState::top) continue;
    // Side by side with what comes before: else a segment begins here.
    const auto touches = [&](std::vector<Chunk>::const_iterator chunk, Address end) {
      return chunk->arena == a && !chunk->mmapped && chunk->address + chunk->size == end;
    };
    auto chunk = at;
    Address begin = at->address;
    HeapEnd end;
    end.arena = static_cast<std::uint16_t>(a);
    end.top = at->size;
    // Fastbin chunks beside top join it at the next consolidation.
    while (chunk != heap.chunks.begin() && touches(chunk - 1, begin) && is_free(*(chunk - 1))) {
      --chunk;
      begin = chunk->address;
      end.top += chunk->size;
    }
    if (chunk == heap.chunks.begin() || !touches(chunk - 1, begin)) continue;
    --chunk;
    end.block = chunk->user();
    end.size = chunk->size;
    begin = chunk->address;
    while (chunk != heap.chunks.begin() && touches(chunk - 1, begin) && is_free(*(chunk - 1))) {
      --chunk;
      begin = chunk->address;
      end.below += chunk->size;
    }
    ends.push_back(end);
  }
  std::stable_sort(ends.begin(), ends.end(),
                   [](const HeapEnd& a, const HeapEnd& b) { return a.below > b.below; });
  return ends;
}

}  // namespace coreheap::usage
