// The scan is bound by cache misses, one a page, so the loop does nothing but compare the last word
// of the would-be header; independent iterations let the processor have many misses under way.
#include "heapparse/pymalloc/pool_scan.h"

#include <algorithm>
#include <cstring>

namespace coreheap::pymalloc {
namespace {

// Work is handed out in such stretches; far more than one a worker, so that they finish together.
constexpr std::uint64_t kStretch = 32 << 20;

struct Stretch {
  AddressRange range;  // begin is page-aligned
  const std::byte* data = nullptr;
};

// Parts of pieces inside mappings that may hold arenas. Both lists are sorted, so one walk does.
std::vector<Stretch> stretches_of(const image::Image& image) {
  std::vector<Stretch> result;
  const auto pieces = image.space.pieces();
  std::size_t first = 0;
  for (const image::Mapping& mapping : image.mappings) {
    if (!may_hold_arenas(mapping)) continue;
    while (first < pieces.size() && pieces[first].range.end <= mapping.range.begin) ++first;
    for (std::size_t i = first; i < pieces.size(); ++i) {
      const image::Piece& piece = pieces[i];
      if (piece.range.begin >= mapping.range.end) break;
      Address begin = std::max(piece.range.begin, mapping.range.begin).aligned_up(kSmallPool);
      const Address end = std::min(piece.range.end, mapping.range.end);
      while (begin < end && end - begin >= sizeof(PoolHeader)) {
        const Address stop = end - begin > kStretch ? begin + kStretch : end;
        result.push_back({{begin, stop}, piece.data + (begin - piece.range.begin)});
        begin = stop;
      }
    }
  }
  return result;
}

void look_at(const PoolHeader& header, Address address, PoolScan& found) {
  const auto shape = shape_of(header, address);
  if (!shape) return;
  Candidates& list = found.by_shape[*shape];
  const std::uint32_t block = kShapes[*shape].pool_bytes - header.max_next_offset;
  Candidate pool{.address = address,
                 .live = header.count,
                 .carved = (header.next_offset - std::uint32_t{sizeof(PoolHeader)}) / block,
                 .arena_slot = header.arena_slot,
                 .size_class = static_cast<std::uint16_t>(header.size_class),
                 .has_room = header.count > 0 && header.free_block != 0};
  list.pools.push_back(pool);
  if (!pool.has_room) return;
  // The head of ring i is the pair usedpools[2i] taken for a pool, so that its next_pool falls on
  // the pair: head = &usedpools[2i] - 16. Pools are page-aligned, heads hardly ever.
  for (const std::uint64_t link : {header.next_pool, header.previous_pool}) {
    if (link == 0 || link % kSmallPool == 0) continue;
    list.ring_heads.push_back(Address{link} + 16 - std::uint64_t{16} * header.size_class);
  }
}

}  // namespace

bool Candidates::is_pool(Address a) const {
  const auto at = std::ranges::lower_bound(pools, a, {}, &Candidate::address);
  return at != pools.end() && at->address == a;
}

bool may_hold_arenas(const image::Mapping& mapping) {
  return mapping.kind == image::MappingKind::anonymous && mapping.readable && mapping.writable &&
         !mapping.shared;
}

Result<PoolScan> scan_for_pools(const image::Image& image, JobControl& job) {
  const std::vector<Stretch> stretches = stretches_of(image);
  PoolScan result;
  for (const Stretch& stretch : stretches) result.scanned_bytes += stretch.range.size();
  job.begin_step("looking for pools", result.scanned_bytes);

  std::vector<PoolScan> parts(stretches.size());
  const auto done = parallel_for(stretches.size(), job, [&](std::size_t index, unsigned) {
    const Stretch& stretch = stretches[index];
    const std::uint64_t size = stretch.range.size();
    constexpr std::uint64_t kLastWord = offsetof(PoolHeader, max_next_offset);
    for (std::uint64_t at = 0; at + sizeof(PoolHeader) <= size; at += kSmallPool) {
      std::uint32_t last;
      std::memcpy(&last, stretch.data + at + kLastWord, sizeof last);
      if (!may_be_max_offset(last)) continue;
      PoolHeader header;
      std::memcpy(&header, stretch.data + at, sizeof header);
      look_at(header, stretch.range.begin + at, parts[index]);
    }
    job.advance(size);
  });
  if (!done) return std::unexpected(done.error());

  for (std::size_t s = 0; s < kShapeCount; ++s) {
    Candidates& all = result.by_shape[s];
    all.shape = kShapes[s];
    std::size_t count = 0;
    for (const PoolScan& part : parts) count += part.by_shape[s].pools.size();
    all.pools.reserve(count);
    for (PoolScan& part : parts) {
      Candidates& some = part.by_shape[s];
      all.pools.insert(all.pools.end(), some.pools.begin(), some.pools.end());
      all.ring_heads.insert(all.ring_heads.end(), some.ring_heads.begin(), some.ring_heads.end());
      some = {};
    }
  }
  return result;
}

}  // namespace coreheap::pymalloc
