// The search costs one pass over some megabytes of data, and only where the rings did not already
// tell. Whatever an image says is bounded here: arrays considered, slots read, steps taken.
#include "heapparse/pymalloc/arena_arrays.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <set>

namespace coreheap::pymalloc {
namespace {

// Arenas have been 256 KiB, 1 MiB and 2 MiB; what lies around these is plausible for a patched
// build.
constexpr std::uint64_t kSmallestArena = 64 << 10;
constexpr std::uint64_t kLargestArena = 64 << 20;
// INITIAL_ARENA_OBJECTS; the array doubles.
constexpr std::uint64_t kFirstArrayLength = 16;
// More arrays than interpreters of one process; a bound for hostile images.
constexpr std::size_t kMostArrays = 256;

struct RawArenaObject {
  std::uint64_t address;
  std::uint64_t pool_address;
  std::uint32_t free_pools;
  std::uint32_t total_pools;
  std::uint64_t free_pool_list;
  std::uint64_t next_arena;
  std::uint64_t previous_arena;
};
static_assert(sizeof(RawArenaObject) == kArenaObjectBytes);

std::optional<ArenaObject> checked(const RawArenaObject& raw, std::uint32_t slot,
                                   const Shape& shape) {
  if (raw.address == 0 || raw.address % kSmallPool != 0) return std::nullopt;
  if (raw.total_pools == 0 || raw.total_pools > kLargestArena / shape.pool_bytes) {
    return std::nullopt;
  }
  if (raw.free_pools > raw.total_pools) return std::nullopt;
  const Address base{raw.address};
  const Address first = base.aligned_up(shape.pool_bytes);
  // An arena that is not pool-aligned loses one pool.
  const std::uint64_t size =
      (std::uint64_t{raw.total_pools} + (first == base ? 0 : 1)) * shape.pool_bytes;
  if (!std::has_single_bit(size) || size < kSmallestArena || size > kLargestArena) {
    return std::nullopt;
  }
  if (base.value > ~std::uint64_t{0} - size) return std::nullopt;
  const Address carved_end{raw.pool_address};
  if (!carved_end.is_aligned(shape.pool_bytes) || carved_end < first ||
      carved_end - first > std::uint64_t{raw.total_pools} * shape.pool_bytes) {
    return std::nullopt;
  }
  return ArenaObject{{base, base + size}, slot, raw.total_pools, raw.free_pools, carved_end};
}

// One pool stands for all of its run while words are tried.
struct Sample {
  Address pool;
  std::uint32_t slot = 0;
};

bool agrees(image::Reader& reader, Address array, const Sample& sample, const Shape& shape) {
  const auto arena = read_arena_object(reader, array, sample.slot, shape);
  return arena && arena->range.contains(sample.pool);
}

// Slots that a doubling of the array added and that no pool of the image names. Either all of them
// are in order, or the array ends before: an unused slot links to another of the array, and only
// one slot ends that list.
bool read_doubling(image::Reader& reader, Address array, std::uint64_t from, std::uint64_t to,
                   const Shape& shape, std::vector<ArenaObject>& arenas) {
  std::vector<ArenaObject> found;
  std::uint64_t ends = 0;
  for (std::uint64_t slot = from; slot < to; ++slot) {
    const auto raw = reader.read<RawArenaObject>(array + slot * kArenaObjectBytes);
    if (!raw) return false;
    if (raw->address == 0) {
      const std::uint64_t link = raw->next_arena - array.value;
      if (raw->next_arena == 0) {
        if (++ends > 1) return false;
      } else if (link % kArenaObjectBytes != 0 || link / kArenaObjectBytes >= to) {
        return false;
      }
      continue;
    }
    const auto arena = checked(*raw, static_cast<std::uint32_t>(slot), shape);
    if (!arena) return false;
    found.push_back(*arena);
  }
  arenas.insert(arenas.end(), found.begin(), found.end());
  return true;
}

// What is behind `array`: how many pools close, and its arenas.
ArenaArray read_array(const image::Image& image, const Candidates& candidates, Address array) {
  image::Reader reader(image.space);
  ArenaArray result;
  result.address = array;
  std::map<std::uint32_t, ArenaObject> by_slot;
  std::uint64_t greatest = 0;
  // Neighbours share their slot, so reading it anew at each change costs little.
  std::optional<ArenaObject> arena;
  std::optional<std::uint32_t> slot;
  for (const Candidate& pool : candidates.pools) {
    if (slot != pool.arena_slot) {
      slot = pool.arena_slot;
      arena = read_arena_object(reader, array, *slot, candidates.shape);
    }
    if (!arena || !arena->range.contains(pool.address)) continue;
    ++result.closing;
    by_slot.emplace(*slot, *arena);
    greatest = std::max<std::uint64_t>(greatest, *slot);
  }
  if (result.closing == 0) return result;

  // Slots between those that pools name: arenas whose pools are not in the image.
  std::uint64_t length = kFirstArrayLength;
  while (length <= greatest) length *= 2;
  const std::uint64_t present = image.space.bytes_up_to(array, length * kArenaObjectBytes).size();
  const std::uint64_t readable = std::max(present / kArenaObjectBytes, greatest + 1);
  for (std::uint64_t s = 0; s < std::min(length, readable); ++s) {
    const auto index = static_cast<std::uint32_t>(s);
    if (by_slot.contains(index)) continue;
    if (const auto more = read_arena_object(reader, array, index, candidates.shape)) {
      by_slot.emplace(index, *more);
    }
  }
  for (const auto& [index, object] : by_slot) result.arenas.push_back(object);
  while (length <= (std::uint64_t{1} << 31) &&
         read_doubling(reader, array, length, 2 * length, candidates.shape, result.arenas)) {
    length *= 2;
  }
  return result;
}

// usedpools at `table`: pair i is both words its own head, or two pools. Holes and damage are
// allowed for in a quarter of the pairs.
bool is_used_pools(image::Reader& reader, Address table, const Candidates& candidates) {
  const std::uint32_t classes = candidates.shape.classes();
  std::uint32_t good = 0;
  std::uint32_t with_pools = 0;
  for (std::uint32_t i = 0; i < classes; ++i) {
    const Address pair = table + std::uint64_t{16} * i;
    const auto next = reader.read_address(pair);
    const auto previous = reader.read_address(pair + 8);
    if (!next || !previous) continue;
    const Address head = pair - 16;
    if (*next == head && *previous == head) {
      ++good;
    } else if (candidates.is_pool(*next) && candidates.is_pool(*previous)) {
      ++good;
      ++with_pools;
    }
  }
  return with_pools > 0 && good * 4 >= classes * 3;
}

std::vector<Address> used_pools_of(const image::Image& image, const Candidates& candidates) {
  std::map<Address, std::uint64_t> votes;
  for (const Address table : candidates.ring_heads) ++votes[table];
  std::vector<std::pair<std::uint64_t, Address>> ranked;
  for (const auto& [table, count] : votes) {
    if (table.is_aligned(8)) ranked.emplace_back(count, table);
  }
  std::ranges::sort(ranked, std::greater{});
  if (ranked.size() > kMostArrays) ranked.resize(kMostArrays);
  image::Reader reader(image.space);
  std::vector<Address> result;
  for (const auto& [count, table] : ranked) {
    if (is_used_pools(reader, table, candidates)) result.push_back(table);
  }
  return result;
}

// Once an array is known, a stray pattern is no reason to go on looking; pools side by side are.
std::vector<Sample> samples_of(const Candidates& candidates, const std::vector<bool>& explained,
                               bool have_array) {
  std::vector<PoolRun> open;
  for (const PoolRun& run : runs_of(candidates.pools, candidates.shape.pool_bytes)) {
    if (explained[run.first] || (have_array && run.adjacent < kTrustedRun)) continue;
    open.push_back(run);
  }
  std::ranges::stable_sort(open, std::greater{}, &PoolRun::adjacent);
  std::vector<Sample> result;
  std::set<std::uint32_t> slots;
  for (const PoolRun& run : open) {
    const Candidate& pool = candidates.pools[run.first];
    if (slots.insert(pool.arena_slot).second) result.push_back({pool.address, pool.arena_slot});
    if (result.size() == 6) break;
  }
  return result;
}

// The words of `ranges` that point to an array some sample agrees with.
Result<std::map<Address, Address>> scan_words(const image::Image& image,
                                              std::span<const AddressRange> ranges,
                                              std::span<const Sample> samples, const Shape& shape,
                                              JobControl& job) {
  constexpr std::uint64_t kStretch = 1 << 20;
  std::vector<AddressRange> stretches;
  for (const AddressRange& range : ranges) {
    for (Address at = range.begin.aligned_up(8); at < range.end;) {
      const Address stop = range.end - at > kStretch ? at + kStretch : range.end;
      stretches.push_back({at, stop});
      at = stop;
    }
  }
  const auto pieces = image.space.pieces();
  std::map<Address, Address> result;  // array -> the word that points to it
  if (pieces.empty() || samples.empty()) return result;
  const std::uint64_t lowest = pieces.front().range.begin.value;
  const std::uint64_t extent = pieces.back().range.end.value - lowest;

  std::vector<std::map<Address, Address>> parts(stretches.size());
  const auto done = parallel_for(stretches.size(), job, [&](std::size_t index, unsigned) {
    image::Reader reader(image.space);
    for (Address at = stretches[index].begin; at < stretches[index].end;) {
      const auto bytes = image.space.bytes_up_to(at, stretches[index].end - at);
      for (std::uint64_t i = 0; i + 8 <= bytes.size(); i += 8) {
        std::uint64_t word;
        std::memcpy(&word, bytes.data() + i, sizeof word);
        if (word - lowest >= extent || word % 8 != 0) continue;
        for (const Sample& sample : samples) {
          if (!agrees(reader, {word}, sample, shape)) continue;
          if (parts[index].size() < kMostArrays) parts[index].emplace(Address{word}, at + i);
          break;
        }
      }
      // Behind a hole the next page may be present again.
      at = (at + std::max<std::uint64_t>(bytes.size(), 1)).aligned_up(kSmallPool);
    }
  });
  if (!done) return std::unexpected(done.error());
  for (const auto& part : parts) {
    for (const auto& [array, anchor] : part) {
      if (result.size() < kMostArrays) result.emplace(array, anchor);
    }
  }
  return result;
}

// Writable data to scan, in rounds of which a later one is needed only when pools stay unexplained:
// the module that usedpools is in, all other modules, then writable file mappings that no module
// owns.
std::vector<std::vector<AddressRange>> places_of(const image::Image& image,
                                                 std::span<const Address> used_pools) {
  std::vector<std::vector<AddressRange>> rounds(3);
  const auto holds_table = [&](const AddressRange& range) {
    return std::ranges::any_of(used_pools, [&](Address a) { return range.contains(a); });
  };
  for (const image::Module& module : image.modules) {
    const bool first = std::ranges::any_of(module.data, holds_table);
    auto& round = rounds[first ? 0 : 1];
    round.insert(round.end(), module.data.begin(), module.data.end());
  }
  for (const image::Mapping& mapping : image.mappings) {
    if (!mapping.writable) continue;
    const bool known = mapping.module >= 0 &&
                       static_cast<std::size_t>(mapping.module) < image.modules.size() &&
                       !image.modules[static_cast<std::size_t>(mapping.module)].data.empty();
    if (mapping.kind == image::MappingKind::file && !known) rounds[2].push_back(mapping.range);
    // A core that does not name its files: all that is known is where usedpools lies.
    if (mapping.kind == image::MappingKind::anonymous && holds_table(mapping.range)) {
      constexpr std::uint64_t kAround = 16 << 20;
      for (const Address table : used_pools) {
        if (!mapping.range.contains(table)) continue;
        const Address begin = table - mapping.range.begin > kAround
                                  ? (table - kAround).aligned_down(8)
                                  : mapping.range.begin;
        const Address end =
            mapping.range.end - table > kAround ? table + kAround : mapping.range.end;
        rounds[2].push_back({begin, end});
        if (rounds[2].size() > kMostArrays) break;
      }
    }
  }
  return rounds;
}

}  // namespace

std::optional<ArenaObject> read_arena_object(image::Reader& reader, Address array,
                                             std::uint32_t slot, const Shape& shape) {
  const auto raw = reader.read<RawArenaObject>(array + kArenaObjectBytes * slot);
  if (!raw) return std::nullopt;
  return checked(*raw, slot, shape);
}

std::vector<PoolRun> runs_of(std::span<const Candidate> pools, std::uint32_t pool_bytes) {
  // No arena seen so far is longer than 128 pools.
  const std::uint64_t longest = std::uint64_t{128} * pool_bytes;
  std::vector<PoolRun> runs;
  std::size_t adjacent = 0;
  for (std::size_t i = 0; i < pools.size(); ++i) {
    if (!runs.empty() && pools[i].arena_slot == pools[i - 1].arena_slot &&
        pools[i].address - pools[runs.back().first].address < longest) {
      adjacent = pools[i].address - pools[i - 1].address == pool_bytes ? adjacent + 1 : 1;
      ++runs.back().count;
      runs.back().adjacent = std::max(runs.back().adjacent, adjacent);
    } else {
      runs.push_back({i, 1, 1});
      adjacent = 1;
    }
  }
  return runs;
}

Result<ArenaSearch> find_arena_arrays(const image::Image& image, const Candidates& candidates,
                                      JobControl& job) {
  ArenaSearch search;
  if (candidates.pools.empty()) return search;
  search.used_pools = used_pools_of(image, candidates);

  std::vector<bool> explained(candidates.pools.size());
  std::set<Address> seen;
  const auto add = [&](Address array, Address anchor, Address used_pools) {
    if (search.arrays.size() >= kMostArrays || !seen.insert(array).second) return;
    ArenaArray found = read_array(image, candidates, array);
    if (found.closing == 0) return;
    found.anchor = anchor;
    found.used_pools = used_pools;
    std::vector<AddressRange> ranges;
    for (const ArenaObject& arena : found.arenas) ranges.push_back(arena.range);
    std::ranges::sort(ranges);
    for (std::size_t i = 0; i < candidates.pools.size(); ++i) {
      const Address a = candidates.pools[i].address;
      const auto above = std::ranges::upper_bound(ranges, a, {}, &AddressRange::begin);
      if (above != ranges.begin() && std::prev(above)->contains(a)) explained[i] = true;
    }
    search.arrays.push_back(std::move(found));
  };

  // 3.12 on: the obmalloc state starts with usedpools, 32 pairs, and `arenas` follows.
  if (candidates.shape.alignment == 16) {
    for (const Address table : search.used_pools) {
      const Address anchor = table + 512;
      if (const auto array = image.space.read_address(anchor)) add(*array, anchor, table);
    }
  }
  for (const auto& round : places_of(image, search.used_pools)) {
    const auto samples = samples_of(candidates, explained, !search.arrays.empty());
    if (samples.empty()) break;
    const auto words = scan_words(image, round, samples, candidates.shape, job);
    if (!words) return std::unexpected(words.error());
    for (const auto& [array, anchor] : *words) {
      // Up to 3.11 usedpools is another static of the module.
      Address beside{};
      const image::Module* module = image.module_at(anchor);
      for (const Address table : search.used_pools) {
        if (module != nullptr && module == image.module_at(table)) beside = table;
      }
      add(array, anchor, beside);
    }
  }

  // The main interpreter's first: its pointer is static, an isolated interpreter's on the heap.
  std::ranges::stable_sort(search.arrays, std::greater{}, [&](const ArenaArray& array) {
    return std::pair(image.module_at(array.anchor) != nullptr, array.closing);
  });
  for (const ArenaArray& array : search.arrays) search.closing += array.closing;
  return search;
}

}  // namespace coreheap::pymalloc
