// A tcache is a malloc'ed struct of counts and list heads, one a thread, pointed to from the
// thread's static TLS at an offset that is the same in all threads. The words around each thread
// pointer are read as pointers to such structs; the offset under which most threads hold one wins.
// The struct proves itself: every list must have exactly the length its count says and chunks of
// its size only.
//
// Threads may be gone while their cache stays: 2.26 leaked the struct of every exited thread, and a
// fork leaves the child with those of the parent's other threads. They are found by size and
// structure among the chunks that look allocated.
#include "heapparse/malloc/tcache.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "heapparse/image/scan_words.h"

namespace coreheap::glibc {
namespace {

using image::Reader;

// Static TLS lies right below the thread pointer on x86-64 and right above it on aarch64. The
// executable's and early libraries' blocks come between it and libc's.
constexpr std::uint64_t kBelow = 64 << 10;
constexpr std::uint64_t kAbove = 16 << 10;
// The offset is settled by so many threads; the rest are only read at it.
constexpr std::size_t kThreadsThatVote = 16;
// mp_.tcache_count is at most 65535 (127 up to 2.29); a list longer than it is broken.
constexpr std::uint64_t kMostPerBin = 0xffff;

bool layout_goes_with(const ArenaRing& ring, const TcacheLayout& layout) {
  // Arenas with have_fastchunks in the flags: only 2.26 of them knows tcaches, with byte counts.
  if (ring.layout->bins == 104) return layout.count_bytes == 1 && ring.layout->attached_threads;
  if (!ring.layout->fastbins) return layout.counts_down;
  if (ring.heap_info_bytes == kSmallHeapInfo) return !layout.counts_down;
  if (ring.heap_info_bytes == kLargeHeapInfo) return layout.count_bytes == 2;
  return true;
}

struct Decoded {
  Tcache tcache;
  std::vector<FreeEntry> entries;
  bool proven = false;       // not just zeroes
  std::uint32_t broken = 0;  // lists that disagree with their count
};

std::uint64_t count_at(const std::byte* at, const TcacheLayout& layout, std::uint32_t bin) {
  if (layout.count_bytes == 1) return static_cast<std::uint8_t>(at[bin]);
  std::uint16_t value = 0;
  std::memcpy(&value, at + 2 * bin, sizeof value);
  return value;
}

class Decoder {
 public:
  explicit Decoder(const TcacheSearch& search) : search_(search), reader_(search.image.space) {}

  // Nothing when a count and its list disagree. `strict` false: for a struct that is proven to be a
  // tcache by its place; then a broken list is taken as far as it goes, and `broken` counts them.
  std::optional<Decoded> decode(Address user, const TcacheLayout& layout, bool safe_linking,
                                bool strict = true) {
    std::byte bytes[1024];
    if (layout.size > sizeof bytes ||
        !search_.image.space.copy(user, std::span(bytes).first(layout.size))) {
      return std::nullopt;
    }
    const std::uint64_t full = capacity(bytes, layout);
    Decoded out;
    out.tcache.address = user;
    for (std::uint32_t bin = 0; bin < layout.bins; ++bin) {
      std::uint64_t head = 0;
      std::memcpy(&head, bytes + layout.entries + 8ULL * bin, sizeof head);
      std::uint64_t held = count_at(bytes, layout, bin);
      if (layout.counts_down) {
        if (held > full && strict) return std::nullopt;
        held = held > full ? 0 : full - held;
      }
      const std::size_t first = out.entries.size();
      if (!follow(Address{head}, bin, held, safe_linking, out.entries)) {
        if (strict) return std::nullopt;
        ++out.broken;
      }
      const std::uint64_t count = out.entries.size() - first;
      if (count == 0) continue;
      out.tcache.count += count;
      for (std::size_t i = first; i < out.entries.size(); ++i) {
        out.tcache.bytes += out.entries[i].size;
      }
      out.tcache.bins.push_back({bin, tcache_bin_sizes(bin).first, count});
    }
    out.proven = out.tcache.count > 0 || (layout.counts_down && full > 0);
    return out;
  }

 private:
  // Slots of an empty bin. mp_ says it; without mp_ most bins are empty, so the largest is it.
  std::uint64_t capacity(const std::byte* bytes, const TcacheLayout& layout) const {
    if (!layout.counts_down) return 0;
    if (search_.parameters.found && search_.parameters.tcache_bins != 0) {
      return search_.parameters.tcache_count;
    }
    std::uint64_t most = 0;
    for (std::uint32_t bin = 0; bin < layout.bins; ++bin) {
      most = std::max(most, count_at(bytes, layout, bin));
    }
    return most;
  }

  bool follow(Address user, std::uint32_t bin, std::uint64_t held, bool safe_linking,
              std::vector<FreeEntry>& entries) {
    if (held > kMostPerBin) return false;
    const TcacheBinSizes sizes = tcache_bin_sizes(bin);
    for (std::uint64_t i = 0; i < held; ++i) {
      if (!user || !user.is_aligned(kAlignment)) return false;
      const Address chunk = user - kHeaderBytes;
      const auto word = reader_.read<std::uint64_t>(chunk + 8);
      const auto stored = reader_.read<std::uint64_t>(user);
      if (!word || !stored) return false;
      const std::uint64_t size = *word & ~kFlagBits;
      if (size < sizes.first || size > sizes.last) return false;
      const auto arena = (*word & kMmapped) != 0 ? std::optional<std::uint16_t>{0}
                                                 : search_.ownership.arena_of(reader_, chunk);
      if (!arena) return false;
      entries.push_back({chunk, size, ChunkState::tcache, false, *arena, Chunk::kNoThread});
      user = reveal_link(user, *stored, safe_linking);
    }
    return !user;
  }

  const TcacheSearch& search_;
  Reader reader_;
};

std::optional<std::uint64_t> chunk_size_of(Reader& reader, Address user) {
  if (!user || !user.is_aligned(kAlignment)) return std::nullopt;
  const auto word = reader.read<std::uint64_t>(user - 8);
  if (!word || (*word & kMmapped) != 0) return std::nullopt;
  return *word & ~kFlagBits;
}

std::vector<bool> linking_hypotheses(const TcacheSearch& search, const TcacheLayout& layout) {
  if (layout.counts_down) return {true};
  if (layout.count_bytes == 1) return {false};
  if (search.safe_linking) return {*search.safe_linking};
  return {true, false};
}

// The votes of one (layout, linking), by offset from the thread pointer. Few words get any.
struct Ballot {
  const TcacheLayout* layout;
  bool safe_linking;
  std::map<std::int64_t, std::uint32_t> points;
};

bool near_arena_pointer(Reader& reader, const std::vector<Address>& arenas, Address slot) {
  // libc's own thread-locals are neighbours: thread_arena is within a few words of the tcache.
  for (std::int64_t d = -64; d <= 64; d += 8) {
    const auto word = reader.read_address(slot + static_cast<std::uint64_t>(d));
    if (word && std::binary_search(arenas.begin(), arenas.end(), *word)) return true;
  }
  return false;
}

std::vector<Address> sorted_arenas(const ArenaRing& ring) {
  std::vector<Address> arenas;
  arenas.reserve(ring.bins.size());
  for (std::size_t i = 0; i < ring.bins.size(); ++i) arenas.push_back(ring.arena(i));
  std::sort(arenas.begin(), arenas.end());
  return arenas;
}

void adopt(Decoded decoded, std::optional<std::uint64_t> tid, ChunkState state,
           FoundTcaches& found) {
  const auto thread = static_cast<std::uint32_t>(found.tcaches.size());
  decoded.tcache.tid = tid;
  for (FreeEntry& entry : decoded.entries) {
    entry.thread = thread;
    entry.state = state;
  }
  found.entries.insert(found.entries.end(), decoded.entries.begin(), decoded.entries.end());
  found.tcaches.push_back(std::move(decoded.tcache));
}

bool known(const FoundTcaches& found, Address user) {
  return std::any_of(found.tcaches.begin(), found.tcaches.end(),
                     [&](const Tcache& t) { return t.address == user; });
}

// glibc's TLS was written (its thread_arena, or anything) or the page was lost in a failed read.
bool all_zero_around(Reader& reader, Address slot) {
  for (std::uint64_t d = 0; d < 256; d += 8) {
    if (reader.read<std::uint64_t>(slot + d).value_or(0) != 0) return false;
  }
  return true;
}

}  // namespace

FoundTcaches find_tcaches_of_threads(const TcacheSearch& search) {
  FoundTcaches found;
  found.safe_linking = search.safe_linking;
  Decoder decoder(search);
  Reader reader(search.image.space);
  const std::vector<Address> arenas = sorted_arenas(search.ring);

  std::vector<Ballot> ballots;
  for (const TcacheLayout& layout : tcache_layouts()) {
    if (!layout_goes_with(search.ring, layout)) continue;
    for (const bool safe : linking_hypotheses(search, layout)) {
      ballots.push_back({&layout, safe, {}});
    }
  }

  std::size_t voters = 0;
  for (const image::Thread& thread : search.image.threads) {
    if (!thread.thread_pointer || voters == kThreadsThatVote) continue;
    ++voters;
    const Address tp{*thread.thread_pointer};
    if (!tp.is_aligned(8)) continue;  // no thread pointer; its TLS is aligned to more
    image::scan_words(
        search.image.space, {tp - kBelow, tp + kAbove}, [&](Address slot, std::uint64_t word) {
          const Address user{word};
          const auto size = chunk_size_of(reader, user);
          if (!size) return true;
          for (Ballot& ballot : ballots) {
            if (!ballot.layout->fits_chunk(*size)) continue;
            if (!search.ownership.arena_of(reader, user - kHeaderBytes)) continue;
            const auto decoded = decoder.decode(user, *ballot.layout, ballot.safe_linking);
            const bool by_arena = near_arena_pointer(reader, arenas, slot);
            std::uint32_t points = 0;
            if (decoded) {
              points = (decoded->proven ? 4 : 1) + (by_arena ? 3 : 0);
            } else if (by_arena) {
              // Damaged, but in the right place and mostly sound: enough when nothing better is
              // there.
              const auto part = decoder.decode(user, *ballot.layout, ballot.safe_linking, false);
              points = part && part->tcache.count > 0 && part->broken <= 2 ? 1 : 0;
            }
            if (points != 0)
              ballot.points[static_cast<std::int64_t>(slot.value - tp.value)] += points;
          }
          return true;
        });
  }

  const Ballot* best = nullptr;
  std::int64_t offset = 0;
  std::uint32_t best_points = 0;
  for (const Ballot& ballot : ballots) {
    for (const auto& [place, points] : ballot.points) {
      if (points <= best_points) continue;
      best = &ballot;
      offset = place;
      best_points = points;
    }
  }
  if (best == nullptr) return found;

  found.layout = best->layout;
  if (!found.safe_linking) found.safe_linking = best->safe_linking;
  for (const image::Thread& thread : search.image.threads) {
    if (!thread.thread_pointer) {
      ++found.threads_unreadable;
      continue;
    }
    const Address slot = Address{*thread.thread_pointer} + static_cast<std::uint64_t>(offset);
    const auto user = reader.read_address(slot);
    if (!user || (!*user && all_zero_around(reader, slot))) {
      ++found.threads_unreadable;
      continue;
    }
    // Null, or from 2.43 on a constant of libc's while the thread has not freed anything yet.
    const auto size = chunk_size_of(reader, *user);
    if (!size || !best->layout->fits_chunk(*size) || known(found, *user) ||
        !search.ownership.arena_of(reader, *user - kHeaderBytes)) {
      ++found.threads_without;
      continue;
    }
    if (auto decoded = decoder.decode(*user, *best->layout, best->safe_linking)) {
      adopt(std::move(*decoded), thread.tid, ChunkState::tcache, found);
    } else if (auto part = decoder.decode(*user, *best->layout, best->safe_linking, false)) {
      note(found.findings,
           {*user, "tcache whose counts and lists disagree",
            fmt::format("thread {}, {} lists, read up to the damage", thread.tid, part->broken),
            Severity::damage});
      adopt(std::move(*part), thread.tid, ChunkState::tcache, found);
    }
  }
  found.evidence.push_back(
      {"tcache",
       fmt::format(
           "{} of {} threads hold one at thread pointer {}{:#x}; lists as long as their counts",
           found.tcaches.size(), search.image.threads.size(), offset < 0 ? "-" : "+",
           offset < 0 ? -offset : offset),
       Evidence::Strength::certain});
  return found;
}

bool may_hold_tcache(const ArenaRing& ring, const TcacheLayout* decided, std::uint64_t chunk_size) {
  if (decided != nullptr) return decided->fits_chunk(chunk_size);
  for (const TcacheLayout& layout : tcache_layouts()) {
    if (layout_goes_with(ring, layout) && layout.fits_chunk(chunk_size)) return true;
  }
  return false;
}

bool adopt_tcache_chunk(const TcacheSearch& search, Address chunk, std::uint64_t chunk_size,
                        ChunkState state, FoundTcaches& found) {
  const Address user = chunk + kHeaderBytes;
  if (known(found, user)) return false;
  Decoder decoder(search);
  for (const TcacheLayout& layout : tcache_layouts()) {
    if (found.layout != nullptr ? found.layout != &layout
                                : !layout_goes_with(search.ring, layout)) {
      continue;
    }
    if (!layout.fits_chunk(chunk_size)) continue;
    for (const bool safe : linking_hypotheses(search, layout)) {
      auto decoded = decoder.decode(user, layout, safe);
      if (!decoded || !decoded->proven) continue;
      if (found.layout == nullptr) found.layout = &layout;
      if (!found.safe_linking) found.safe_linking = safe;
      adopt(std::move(*decoded), std::nullopt, state, found);
      return true;
    }
  }
  return false;
}

}  // namespace coreheap::glibc
