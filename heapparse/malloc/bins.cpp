// Bins are circular doubly linked lists: each step is checked both ways (`fd->bk` must return), so
// a loop that does not go through the head cannot pass unseen, and a list broken at one place is
// read from both ends. Fastbins are singly linked, ended by null; there a loop is found by Brent's
// method.
//
// Invariant: no list yields more chunks than the arena has room for.
#include "heapparse/malloc/bins.h"

#include <fmt/format.h>

#include "heapparse/malloc/layout.h"

namespace coreheap::glibc {
namespace {

using image::Reader;

struct BinReader {
  Reader& reader;
  std::uint16_t arena_index;
  std::uint64_t system_bytes;
  std::vector<FreeEntry>& entries;
  Findings& findings;
  std::uint64_t left;  // chunks the arena still has room for

  void damaged(Address where, const char* what, unsigned bin, std::uint64_t read) {
    note(findings, {where, what, fmt::format("bin {}, word {:#x}", bin, read), Severity::damage});
  }

  // One direction of a list. `forward`: along fd. Stops at the head, at `stop` or at damage.
  // Returns the last chunk taken, or the head when the list was read whole.
  Address follow(Address head, unsigned bin, bool forward, Address stop, BinStats& stats) {
    const std::uint64_t ahead = forward ? 16 : 24;
    const std::uint64_t behind = forward ? 24 : 16;
    Address previous = head;
    while (true) {
      const auto current = reader.read_address(previous + ahead);
      if (!current) return previous;
      if (*current == head) return head;
      if (*current == stop) return stop;
      const auto returns = reader.read_address(*current + behind);
      if (!current->is_aligned(kAlignment) || !returns || *returns != previous) {
        damaged(previous,
                forward ? "bin link does not return (fd)" : "bin link does not return (bk)", bin,
                current->value);
        return previous;
      }
      if (left == 0) {
        damaged(*current, "bins hold more chunks than the arena has room for", bin, current->value);
        return previous;
      }
      if (!take(*current, bin, stats)) return previous;
      previous = *current;
    }
  }

  bool take(Address chunk, unsigned bin, BinStats& stats) {
    const auto word = reader.read<std::uint64_t>(chunk + 8);
    if (!word) return false;
    const std::uint64_t size = *word & ~kFlagBits;
    if (size < kMinChunk || size % kAlignment != 0 || size > system_bytes) {
      damaged(chunk, "size of a chunk in a bin makes no sense", bin, *word);
      return true;  // the links are sound: go on behind it
    }
    if (bin > 1 && bin_index(size) != bin) {
      damaged(chunk, "chunk is in a bin of another size", bin, *word);
    }
    const auto next_prev_size = reader.read<std::uint64_t>(chunk + size);
    const auto next_word = reader.read<std::uint64_t>(chunk + size + 8);
    // A half-linked chunk of a locked arena fails here; the walk compares and reports it.
    const bool proven = next_prev_size == size && next_word && (*next_word & kPrevInUse) == 0 &&
                        (*word & kFlagBits) == kPrevInUse;
    entries.push_back({chunk, size, ChunkState::bin, proven, arena_index, Chunk::kNoThread});
    --left;
    if (stats.count == 0 || size < stats.min_size) stats.min_size = size;
    if (size > stats.max_size) stats.max_size = size;
    ++stats.count;
    stats.bytes += size;
    return true;
  }
};

}  // namespace

void read_bins(Reader& reader, Address bins, std::uint16_t index, Arena& arena,
               std::vector<FreeEntry>& entries, Findings& findings) {
  BinReader list{reader,  index,    arena.system_bytes,
                 entries, findings, arena.system_bytes / kMinChunk};
  for (unsigned bin = 1; bin <= kBins; ++bin) {
    const Address head = bins + 16 * (bin - 1) - 16;
    BinStats stats;
    stats.bin = bin;
    const Address last = list.follow(head, bin, true, Address{}, stats);
    if (last != head) {
      list.follow(head, bin, false, last, stats);
    } else if (reader.read_address(head + 16) == Address{} && bin == 1) {
      return;  // bins never initialised
    }
    if (stats.count > 0) arena.bins.push_back(stats);
  }
}

void read_fastbins(Reader& reader, Address bins, std::uint16_t index, bool safe_linking,
                   Arena& arena, std::vector<FreeEntry>& entries, Findings& findings) {
  std::uint64_t left = arena.system_bytes / kMinChunk;
  for (unsigned k = 0; k < kFastbins; ++k) {
    const std::uint64_t expected = 32 + 16ULL * k;
    Address chunk = reader.read_address(bins - 96 + 8 * k).value_or(Address{});
    Address tortoise;
    std::uint64_t steps = 0, power = 1;
    while (!!chunk) {
      const auto word = reader.read<std::uint64_t>(chunk + 8);
      if (!chunk.is_aligned(kAlignment) || !word || (*word & ~kFlagBits) != expected) {
        note(findings,
             {chunk, "fastbin link leads to no chunk of its size",
              fmt::format("fastbin {}, size word {:#x}", k, word.value_or(0)), Severity::damage});
        break;
      }
      if (chunk == tortoise || left == 0) {
        note(findings,
             {chunk, "fastbin list loops", fmt::format("fastbin {}", k), Severity::damage});
        break;
      }
      if (++steps == power) {
        tortoise = chunk;
        power *= 2;
        steps = 0;
      }
      entries.push_back({chunk, expected, ChunkState::fastbin, false, index, Chunk::kNoThread});
      --left;
      ++arena.fastbin_counts[k];
      const auto stored = reader.read<std::uint64_t>(chunk + 16);
      if (!stored) break;
      chunk = reveal_link(chunk + 16, *stored, safe_linking);
    }
  }
}

std::optional<bool> safe_linking_by_fastbins(Reader& reader, const ArenaRing& ring) {
  if (!ring.layout->fastbins) return true;  // fastbins went long after safe-linking came
  int plain = 0, mangled = 0;
  for (const Address bins : ring.bins) {
    for (unsigned k = 0; k < kFastbins; ++k) {
      const auto chunk = reader.read_address(bins - 96 + 8 * k);
      if (!chunk || !*chunk) continue;
      const auto stored = reader.read<std::uint64_t>(*chunk + 16);
      if (!stored) continue;
      const auto fits = [&](Address link) {
        if (!link) return true;
        const auto word = reader.read<std::uint64_t>(link + 8);
        return link.is_aligned(kAlignment) && word && (*word & ~kFlagBits) == 32 + 16ULL * k;
      };
      plain += fits(reveal_link(*chunk + 16, *stored, false)) ? 1 : 0;
      mangled += fits(reveal_link(*chunk + 16, *stored, true)) ? 1 : 0;
    }
  }
  if (plain == mangled) return std::nullopt;
  return mangled > plain;
}

}  // namespace coreheap::glibc
