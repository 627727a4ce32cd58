// Sums over pool headers and arenas.
#include "heapparse/usage/pool_fill.h"

#include <algorithm>
#include <map>

namespace coreheap::usage {

std::size_t fill_step(std::uint64_t live, std::uint64_t capacity) {
  if (live >= capacity) return kFillSteps - 1;
  return static_cast<std::size_t>(live * 4 / capacity);
}

PoolFill pool_fill(const image::Image& image, const pymalloc::PymallocHeap& heap) {
  PoolFill fill;
  fill.resident_known = image.residency.known;
  std::map<std::uint32_t, ClassFill> classes;
  for (const pymalloc::Pool& pool : heap.pools) {
    const std::uint32_t block = heap.geometry.block_bytes(pool.size_class);
    if (block == 0 || heap.geometry.pool_bytes < pymalloc::Geometry::kPoolHeaderBytes) continue;
    const std::uint64_t capacity =
        (heap.geometry.pool_bytes - pymalloc::Geometry::kPoolHeaderBytes) / block;
    if (capacity == 0) continue;
    ClassFill& line = classes[pool.size_class];
    line.size_class = pool.size_class;
    line.block_bytes = block;
    ++line.pools[fill_step(pool.live, capacity)];
    line.live += pool.live;
    line.capacity += capacity;
  }
  for (const auto& [index, line] : classes) fill.classes.push_back(line);

  for (std::size_t i = 0; i < heap.arenas.size(); ++i) {
    const pymalloc::Arena& arena = heap.arenas[i];
    ArenaFill line;
    line.arena = static_cast<std::uint32_t>(i);
    line.live_blocks = arena.live_blocks;
    line.live_bytes = arena.live_bytes;
    line.resident =
        image.residency.known ? image.residency.bytes_in(arena.range) : arena.range.size();
    fill.resident += line.resident;
    fill.live_bytes += line.live_bytes;
    fill.held += line.held();
    fill.free_pools += arena.pools_free;
    fill.arenas.push_back(line);
  }
  std::stable_sort(
      fill.arenas.begin(), fill.arenas.end(),
      [](const ArenaFill& a, const ArenaFill& b) { return a.live_blocks < b.live_blocks; });

  FreedIf so_far;
  std::uint64_t step = 10;
  for (const ArenaFill& arena : fill.arenas) {
    while (so_far.objects + arena.live_blocks > step) {
      if (so_far.arenas > 0 &&
          (fill.freed_if.empty() || fill.freed_if.back().arenas < so_far.arenas)) {
        fill.freed_if.push_back(so_far);
      }
      step *= 10;
    }
    so_far.objects += arena.live_blocks;
    ++so_far.arenas;
    so_far.bytes += arena.resident;
  }
  if (so_far.arenas > 0) fill.freed_if.push_back(so_far);
  return fill;
}

}  // namespace coreheap::usage
