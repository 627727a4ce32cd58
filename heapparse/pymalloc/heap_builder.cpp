#include "heapparse/pymalloc/heap_builder.h"

#include <fmt/format.h>

#include <algorithm>

#include "heapparse/pymalloc/deduced_arenas.h"
#include "heapparse/pymalloc/free_list_check.h"

namespace coreheap::pymalloc {
namespace {

// All of `range` was mapped in the target, present in the image or not.
bool is_mapped(const image::AddressSpace& space, const AddressRange& range) {
  const auto mapped = space.mapped();
  const auto above = std::ranges::upper_bound(mapped, range.begin, {}, &AddressRange::begin);
  return above != mapped.begin() && std::prev(above)->contains(range.begin, range.size());
}

// The index of the range that holds `a` in a sorted list; the list's size when none does.
std::size_t index_holding(std::span<const AddressRange> ranges, Address a) {
  const auto above = std::ranges::upper_bound(ranges, a, {}, &AddressRange::begin);
  if (above == ranges.begin() || !std::prev(above)->contains(a)) return ranges.size();
  return static_cast<std::size_t>(std::prev(above) - ranges.begin());
}

std::string_view text_of(LiveBlocks::Flaw flaw) {
  switch (flaw) {
    case LiveBlocks::Flaw::none:
      return "no flaw";
    case LiveBlocks::Flaw::not_in_image:
      return "the free list runs into memory that the image does not hold";
    case LiveBlocks::Flaw::leaves_pool:
      return "the free list leaves the pool";
    case LiveBlocks::Flaw::between_blocks:
      return "the free list points between blocks";
    case LiveBlocks::Flaw::loops:
      return "the free list loops";
    case LiveBlocks::Flaw::count:
      return "the free list and the count of live blocks disagree";
  }
  return "unknown flaw";
}

}  // namespace

void FindingLog::add(Address address, std::string what, std::string evidence, Severity severity) {
  Kind& kind = kinds_[what];
  kind.severity = std::max(kind.severity, severity);
  kind.last = address;
  if (++kind.count > kToldOneByOne) return;
  findings_.push_back({address, std::move(what), std::move(evidence), severity});
}

Findings FindingLog::take() {
  for (const auto& [what, kind] : kinds_) {
    if (kind.count <= kToldOneByOne) continue;
    findings_.push_back({kind.last, what,
                         fmt::format("{} more, the last one here", kind.count - kToldOneByOne),
                         kind.severity});
  }
  kinds_.clear();
  return std::move(findings_);
}

HeapBuilder::HeapBuilder(const image::Image& image, const Candidates& candidates,
                         const ArenaSearch& search)
    : image_(image), candidates_(candidates), search_(search) {
  heap_.geometry.alignment = candidates.shape.alignment;
  heap_.geometry.pool_bytes = candidates.shape.pool_bytes;
}

Result<PymallocHeap> HeapBuilder::build(JobControl& job) {
  take_arenas_from_arrays();
  decide_arena_bytes();
  take_deduced_arenas();
  place_pools();
  if (auto done = check_free_lists(job); !done) return std::unexpected(done.error());
  heap_.findings = log_.take();
  return std::move(heap_);
}

void HeapBuilder::take_arenas_from_arrays() {
  std::map<Address, Arena> taken;
  for (const ArenaArray& array : search_.arrays) {
    const auto index = static_cast<std::uint32_t>(heap_.arena_arrays.size());
    bool used = false;
    for (const ArenaObject& object : array.arenas) {
      const Address object_at = array.address + object.slot * kArenaObjectBytes;
      if (!is_mapped(image_.space, object.range)) {
        log_.add(object_at, "arena object names memory that is not mapped",
                 fmt::format("slot {}: {:#x}, {} bytes", object.slot, object.range.begin.value,
                             object.range.size()));
        continue;
      }
      const auto above = taken.lower_bound(object.range.end);
      if (above != taken.begin() && std::prev(above)->second.range.end > object.range.begin) {
        log_.add(object_at, "arenas overlap",
                 fmt::format("slot {}: {:#x}, {} bytes", object.slot, object.range.begin.value,
                             object.range.size()));
        continue;
      }
      taken.emplace(object.range.begin, Arena{.range = object.range,
                                              .slot = object.slot,
                                              .array = index,
                                              .pools_total = object.pools_total,
                                              .pools_used = object.pools_total - object.pools_free,
                                              .pools_free = object.pools_free,
                                              .carved_end = object.carved_end});
      used = true;
    }
    if (used) {
      heap_.arena_arrays.push_back(array.address);
      heap_.array_anchors.push_back(array.anchor);
    }
  }
  heap_.arenas.reserve(taken.size());
  for (const auto& [begin, arena] : taken) heap_.arenas.push_back(arena);
}

void HeapBuilder::decide_arena_bytes() {
  std::map<std::uint64_t, std::uint64_t> sizes;
  for (const Arena& arena : heap_.arenas) ++sizes[arena.range.size()];
  if (sizes.empty()) {
    heap_.geometry.arena_bytes = usual_arena_bytes(candidates_.shape, candidates_.pools);
    return;
  }
  heap_.geometry.arena_bytes =
      std::ranges::max_element(sizes, {}, [](const auto& s) { return s.second; })->first;
}

void HeapBuilder::take_deduced_arenas() {
  std::vector<AddressRange> known;
  for (const Arena& arena : heap_.arenas) known.push_back(arena.range);
  std::vector<Candidate> outside;
  for (const Candidate& pool : candidates_.pools) {
    if (index_holding(known, pool.address) == known.size()) outside.push_back(pool);
  }
  if (outside.empty()) return;
  for (const DeducedArena& found :
       deduce_arenas(image_, outside, known, candidates_.shape, heap_.geometry.arena_bytes)) {
    const Address first = found.range.begin.aligned_up(heap_.geometry.pool_bytes);
    Arena arena;
    arena.range = found.range;
    arena.deduced = true;
    arena.pools_total =
        static_cast<std::uint32_t>((found.range.end - first) / heap_.geometry.pool_bytes);
    heap_.arenas.push_back(arena);
    ++deduced_;
    log_.add(found.range.begin, "arena is in no arena array",
             fmt::format("{} pools name slot {}; its extent follows from where they lie",
                         found.pools, found.slot));
  }
  std::ranges::sort(heap_.arenas, {}, [](const Arena& arena) { return arena.range.begin; });
}

void HeapBuilder::place_pools() {
  heap_.pools.reserve(candidates_.pools.size());
  std::size_t at = 0;
  const std::span<const Candidate> all = candidates_.pools;
  const std::uint32_t pool_bytes = heap_.geometry.pool_bytes;
  for (std::size_t index = 0; index < heap_.arenas.size(); ++index) {
    Arena& arena = heap_.arenas[index];
    const Address first_pool = arena.range.begin.aligned_up(pool_bytes);
    const Address last_end = first_pool + std::uint64_t{arena.pools_total} * pool_bytes;
    while (at < all.size() && all[at].address < first_pool) {
      ++at;
      ++refused_;
    }
    const std::size_t begin = at;
    while (at < all.size() && all[at].address < last_end) ++at;
    const auto inside = all.subspan(begin, at - begin);

    arena.first_pool = static_cast<std::uint32_t>(heap_.pools.size());
    for (const Candidate& pool : inside) {
      if (pool.live == 0) continue;
      const std::uint32_t block = heap_.geometry.block_bytes(pool.size_class);
      if (arena.slot && pool.arena_slot != *arena.slot) {
        log_.add(
            pool.address, "pool names another arena",
            fmt::format("arenaindex {}, in the arena of slot {}", pool.arena_slot, *arena.slot));
      }
      heap_.pools.push_back({.address = pool.address,
                             .live = pool.live,
                             .size_class = pool.size_class,
                             .arena = static_cast<std::uint32_t>(index),
                             .carved = pool.carved,
                             .arena_slot = pool.arena_slot});
      arena.live_blocks += pool.live;
      arena.live_bytes += std::uint64_t{pool.live} * block;
    }
    arena.pool_count = static_cast<std::uint32_t>(heap_.pools.size()) - arena.first_pool;
    arena.pools_carved = static_cast<std::uint32_t>(inside.size());
    account_for(arena, inside);
    heap_.live_blocks += arena.live_blocks;
    heap_.live_bytes += arena.live_bytes;
  }
  refused_ += all.size() - at;
}

// Every pool below the carving mark has a header: those that were not found are damaged or missing.
void HeapBuilder::account_for(Arena& arena, std::span<const Candidate> pools) {
  const std::uint32_t pool_bytes = heap_.geometry.pool_bytes;
  if (arena.deduced && !pools.empty()) arena.carved_end = pools.back().address + pool_bytes;
  image::Reader reader(image_.space);
  std::size_t next = 0;
  for (Address at = arena.range.begin.aligned_up(pool_bytes); at < arena.carved_end;
       at += pool_bytes) {
    while (next < pools.size() && pools[next].address < at) ++next;
    if (next < pools.size() && pools[next].address == at) continue;
    const auto header = reader.read<PoolHeader>(at);
    if (!header) {
      ++arena.pools_missing;
    } else if (header->size_class == kNoClass) {
      // Stopped between taking the pool from its arena and giving it a class: nothing is in it.
      log_.add(at, "pool is just being carved", "szidx 65535", Severity::note);
    } else {
      ++arena.pools_damaged;
      heap_.damaged_pools.push_back(at);
      log_.add(at, "pool header is damaged",
               fmt::format("ref.count {}, szidx {}, nextoffset {}, maxnextoffset {}", header->count,
                           header->size_class, header->next_offset, header->max_next_offset),
               Severity::damage);
    }
  }
  if (arena.pools_missing > 0) {
    log_.add(arena.range.begin, "arena is not complete in the image",
             fmt::format("{} of {} pools are missing", arena.pools_missing, arena.pools_total));
  }
  const bool all_seen = arena.pools_missing == 0 && arena.pools_damaged == 0;
  if (!arena.deduced && all_seen && arena.pools_used != arena.pool_count) {
    log_.add(arena.range.begin, "arena's count of free pools is wrong",
             fmt::format("{} of {} pools free by its arena_object, {} have live blocks",
                         arena.pools_free, arena.pools_total, arena.pool_count));
  }
  if (arena.deduced || all_seen) {
    arena.pools_used = arena.pool_count;
    arena.pools_free = arena.pools_total - arena.pool_count;
  }
}

Result<void> HeapBuilder::check_free_lists(JobControl& job) {
  constexpr std::size_t kPoolsATime = 512;
  struct Flawed {
    std::size_t pool;
    LiveBlocks::Flaw flaw;
    Address at;
    std::uint32_t live;
  };
  const std::size_t count = heap_.pools.size();
  const std::size_t parts = (count + kPoolsATime - 1) / kPoolsATime;
  std::vector<std::vector<Flawed>> flawed(parts);
  job.begin_step("checking pools", count);
  const auto done = parallel_for(parts, job, [&](std::size_t part, unsigned) {
    const std::size_t begin = part * kPoolsATime;
    const std::size_t end = std::min(count, begin + kPoolsATime);
    const auto pools = std::span(heap_.pools).subspan(begin, end - begin);
    std::vector<std::size_t> suspects;
    pymalloc::check_free_lists(image_.space, pools, begin, heap_.geometry, suspects);
    std::ranges::sort(suspects);
    image::Reader reader(image_.space);
    std::vector<std::byte> scratch;
    LiveBlocks blocks;
    for (const std::size_t i : suspects) {
      Pool& pool = heap_.pools[i];
      const auto bytes = bytes_of_pool(reader, pool.address, heap_.geometry, scratch);
      // A pool of which a part is missing may still have its whole list in what is there.
      if (blocks.load(bytes, pool, heap_.geometry)) continue;
      pool.sound = false;
      flawed[part].push_back({i, blocks.flaw(), blocks.flaw_at(), blocks.live_count()});
    }
    job.advance(end - begin);
  });
  if (!done) return done;
  for (const auto& part : flawed) {
    for (const Flawed& f : part) {
      const Pool& pool = heap_.pools[f.pool];
      const bool missing = f.flaw == LiveBlocks::Flaw::not_in_image;
      log_.add(pool.address, std::string(text_of(f.flaw)),
               fmt::format("at {:#x}; ref.count {}, {} of {} carved blocks not on the list",
                           f.at.value, pool.live, f.live, pool.carved),
               missing ? Severity::warning : Severity::damage);
    }
  }
  return {};
}

}  // namespace coreheap::pymalloc
