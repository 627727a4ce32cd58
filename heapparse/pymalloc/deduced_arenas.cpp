// Where an arena starts is known only to a pool's length (arenas are page-aligned, pools
// pool-aligned), so borders that must be there are used: the mapping's start, or the end of the
// arena before.
#include "heapparse/pymalloc/deduced_arenas.h"

#include <algorithm>
#include <cstddef>

#include "heapparse/pymalloc/arena_arrays.h"

namespace coreheap::pymalloc {
namespace {

// A pool whose neighbour in the ring of its class points back to it. Rings of one would be any word
// that points to itself, and do not count.
bool hangs_in_ring(image::Reader& reader, const Candidate& pool) {
  if (!pool.has_room) return false;
  const auto next = reader.read_address(pool.address + offsetof(PoolHeader, next_pool));
  if (!next || *next == pool.address) return false;
  return reader.read_address(*next + offsetof(PoolHeader, previous_pool)) == pool.address;
}

bool is_trusted(image::Reader& reader, std::span<const Candidate> run, std::size_t adjacent) {
  if (adjacent >= kTrustedRun) return true;
  return std::ranges::any_of(run, [&](const Candidate& p) { return hangs_in_ring(reader, p); });
}

}  // namespace

std::uint64_t usual_arena_bytes(const Shape& shape, std::span<const Candidate> pools) {
  if (shape.pool_bytes == kSmallPool) return 256 << 10;
  // 2 MiB with huge pages (3.15): then pools of one slot lie further apart than 1 MiB. Isolated
  // interpreters number their arenas alike, so one such pair may be chance.
  std::size_t wide = 0;
  const auto runs = runs_of(pools, shape.pool_bytes);
  for (const PoolRun& run : runs) {
    const Address last = pools[run.first + run.count - 1].address;
    if (last - pools[run.first].address >= (1 << 20)) ++wide;
  }
  return wide > runs.size() / 4 ? 2 << 20 : 1 << 20;
}

std::vector<DeducedArena> deduce_arenas(const image::Image& image, std::span<const Candidate> pools,
                                        std::span<const AddressRange> known, const Shape& shape,
                                        std::uint64_t arena_bytes) {
  if (arena_bytes == 0) arena_bytes = usual_arena_bytes(shape, pools);
  image::Reader reader(image.space);
  std::vector<DeducedArena> result;
  Address last_end{};
  for (std::size_t i = 0; i < pools.size();) {
    std::size_t end = i + 1;
    std::size_t adjacent = 1;
    std::size_t longest = 1;
    while (end < pools.size() && pools[end].arena_slot == pools[i].arena_slot &&
           pools[end].address - pools[i].address + shape.pool_bytes <= arena_bytes) {
      adjacent = pools[end].address - pools[end - 1].address == shape.pool_bytes ? adjacent + 1 : 1;
      longest = std::max(longest, adjacent);
      ++end;
    }
    const auto run = pools.subspan(i, end - i);
    i = end;
    const Address first = run.front().address;
    const image::Mapping* mapping = image.mapping_at(first);
    if (mapping == nullptr || first < last_end || !is_trusted(reader, run, longest)) continue;

    Address floor = std::max(last_end, mapping->range.begin);
    Address ceiling = mapping->range.end;
    const auto above = std::ranges::upper_bound(known, first, {}, &AddressRange::begin);
    if (above != known.end()) ceiling = std::min(ceiling, above->begin);
    if (above != known.begin()) floor = std::max(floor, std::prev(above)->end);
    const Address begin = first - floor < shape.pool_bytes ? floor : first;
    const Address stop = ceiling - begin > arena_bytes ? begin + arena_bytes : ceiling;
    if (stop <= first || stop - first < shape.pool_bytes) continue;
    result.push_back({{begin, stop}, run.front().arena_slot, run.size()});
    last_end = stop;
  }
  return result;
}

}  // namespace coreheap::pymalloc
