// The plan of the census: which piece of which allocator makes which rows.
//
// The number of rows of every piece is known before a single block is looked at (pool headers say
// how many blocks were carved), so that all pieces can be filled in parallel at their final places.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "heapparse/census/build.h"
#include "heapparse/census/reached_blocks.h"

namespace coreheap::census {

struct StaticObject {
  Address address;
  std::uint64_t size = 0;
  std::uint32_t type = 0;
};

struct Piece {
  enum class Kind : std::uint8_t { pymalloc_arena, chunks, statics, reached } kind = Kind::chunks;
  std::uint32_t heap = 0;  // chunks: index into Sources::heaps
  std::size_t first = 0;   // arena index; first chunk; first static object; first reached block
  std::size_t count = 0;   // chunks, static objects, reached blocks
  AddressRange range;      // addresses of the rows lie in here
  std::size_t first_row = 0;
  std::size_t row_count = 0;
};

struct Plan {
  std::vector<Piece> pieces;  // sorted by address
  std::vector<StaticObject> statics;
  std::vector<ReachedBlock> reached;  // sorted, disjoint
  std::size_t row_count = 0;
};

Result<Plan> make_plan(const Sources& sources, JobControl& job);

// Calls visit(slot, pool) for each pool-sized slot of the arena; pool is nullptr where no live pool
// is.
template <class Visit>
void for_each_pool_slot(const pymalloc::PymallocHeap& heap, const pymalloc::Arena& arena,
                        Visit&& visit) {
  auto pool = std::lower_bound(heap.pools.begin(), heap.pools.end(), arena.range.begin,
                               [](const pymalloc::Pool& p, Address x) { return p.address < x; });
  const std::uint64_t step = heap.geometry.pool_bytes;
  for (Address slot = arena.range.begin.aligned_up(step); slot + step <= arena.range.end;
       slot += step) {
    while (pool != heap.pools.end() && pool->address < slot) ++pool;
    const bool used = pool != heap.pools.end() && pool->address == slot;
    visit(slot, used ? &*pool : nullptr);
  }
}

// 2.7 carves ints and floats from blocks of its own: is this chunk one? (object words at 8 + 24 i)
bool is_int_block(const Sources& sources, const glibc::Chunk& chunk, std::uint64_t usable);
inline constexpr std::uint64_t kIntBlockHead = 8;
inline constexpr std::uint64_t kIntBlockObject = 24;

}  // namespace coreheap::census
