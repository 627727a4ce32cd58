// Figures over all heaps.
#include "heapparse/usage/free_memory.h"

#include <algorithm>

namespace coreheap::usage {

bool mmap_threshold_grew(const glibc::MallocParameters& parameters) {
  return parameters.found && !parameters.no_dyn_threshold &&
         parameters.mmap_threshold >= kGrownMmapThreshold;
}

FreeMemory free_memory(const image::Image& image, const std::vector<glibc::MallocHeap>& heaps,
                       const pymalloc::PymallocHeap& pymalloc) {
  FreeMemory memory;
  memory.pools = pool_fill(image, pymalloc);
  memory.threads = image.threads.size();
  std::vector<std::uint64_t> frees;
  for (const glibc::MallocHeap& heap : heaps) {
    GlibcSpace space = glibc_space(image, heap);
    memory.sum += space.sum();
    memory.arenas += heap.arenas.size();
    for (std::size_t i = 0; i < heap.arenas.size(); ++i) {
      const ArenaSpace& arena = space.arenas[i];
      frees.push_back(arena.free_resident);
      memory.tcache += heap.arenas[i].tcache_bytes;
      if (heap.arenas[i].is_main) continue;
      memory.other_arenas_free += arena.free_resident;
      memory.thread_tops += arena.top_resident;
    }
    for (const FreeRun& run : free_runs(heap)) {
      if (run.range.size() < kDefaultMmapThreshold) continue;
      memory.large_free +=
          image.residency.known ? image.residency.bytes_in(run.range) : run.range.size();
    }
    memory.glibc.push_back(std::move(space));
  }
  if (!heaps.empty()) memory.parameters = heaps.front().parameters;
  std::sort(frees.begin(), frees.end(), std::greater<>());
  for (std::size_t i = 2; i < frees.size(); ++i) memory.beyond_two_arenas += frees[i];
  for (const image::Mapping& mapping : image.mappings) {
    if (!mapping.is_anonymous_memory()) continue;
    memory.shared_anonymous += mapping.counters.shared_clean + mapping.counters.shared_dirty;
  }
  return memory;
}

}  // namespace coreheap::usage
