#include "heapparse/python/allocation_lookup.h"

#include <algorithm>

namespace coreheap::python {

std::optional<Allocation> allocation_holding(const std::vector<glibc::MallocHeap>& heaps,
                                             const pymalloc::PymallocHeap& pymalloc, Address a) {
  const auto& pools = pymalloc.pools;
  auto pool = std::upper_bound(pools.begin(), pools.end(), a,
                               [](Address x, const pymalloc::Pool& p) { return x < p.address; });
  if (pool != pools.begin()) {
    --pool;
    const std::uint64_t offset = a - pool->address;
    if (offset < pymalloc.geometry.pool_bytes) {
      const std::uint64_t block = pymalloc.geometry.block_bytes(pool->size_class);
      if (offset < pymalloc::Geometry::kPoolHeaderBytes || block == 0) return std::nullopt;
      const std::uint64_t index = (offset - pymalloc::Geometry::kPoolHeaderBytes) / block;
      if (index >= pool->carved) return std::nullopt;
      return Allocation{pool->address + pymalloc::Geometry::kPoolHeaderBytes + index * block,
                        block};
    }
  }
  for (const auto& heap : heaps) {
    auto chunk = std::upper_bound(heap.chunks.begin(), heap.chunks.end(), a,
                                  [](Address x, const glibc::Chunk& c) { return x < c.user(); });
    if (chunk == heap.chunks.begin()) continue;
    --chunk;
    const std::uint64_t usable = heap.usable_size(*chunk);
    if (a - chunk->user() < usable) return Allocation{chunk->user(), usable};
  }
  return std::nullopt;
}

}  // namespace coreheap::python
