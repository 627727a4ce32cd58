#include "tests/glibc/compare_heap.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <vector>

namespace coreheap::glibc_oracle {
namespace {

using glibc::Arena;
using glibc::Chunk;
using glibc::ChunkState;
using glibc::MallocHeap;

struct Expected {
  std::uint64_t first = 0,
                later = 0;  // offsets of the first chunk in an arena's first and later heaps
};

Expected headers_of(int minor) {
  if (minor >= 43) return {0x870, 0x30};
  if (minor >= 35) return {0x8d0, 0x30};
  if (minor >= 27) return {0x8c0, 0x20};
  return {0x8b0, 0x20};
}

void compare_arena(const std::string& name, const Arena& arena, const HeapElement& said, int minor,
                   Comparison& c) {
  c.equal(name + " system", arena.system_bytes, said.system.at("current"));
  c.equal(name + " system max", arena.max_system_bytes, said.system.at("max"));
  c.equal(name + " aspace mprotect", arena.mprotect_bytes, said.aspace.at("mprotect"));
  if (minor >= 27 && said.aspace.contains("subheaps")) {
    c.equal(name + " sub-heaps", arena.segments, said.aspace.at("subheaps"));
  }
  const auto rest = said.totals.at("rest");
  c.equal(name + " rest count", arena.bin_count + 1, rest.first);
  c.equal(name + " rest size", arena.bin_bytes + arena.bin_count + arena.top_bytes, rest.second);
  if (said.totals.contains("fast")) {
    c.equal(name + " fast count", arena.fastbin_count, said.totals.at("fast").first);
    c.equal(name + " fast size", arena.fastbin_bytes, said.totals.at("fast").second);
  }

  // Bin by bin. Sizes of bins carry the PREV_INUSE bit, those of fastbins do not.
  std::vector<SizeLine> bins, fast;
  for (const SizeLine& line : said.sizes) (line.to % 16 == 0 ? fast : bins).push_back(line);
  std::size_t next = 0;
  for (const auto& bin : arena.bins) {
    const auto label = fmt::format("{} bin {}", name, bin.bin);
    SizeLine line;
    if (bin.bin == 1) {
      c.holds(label + " said to be there", said.unsorted.has_value());
      line = said.unsorted.value_or(SizeLine{});
    } else {
      c.holds(label + " said to be there", next < bins.size());
      if (next < bins.size()) line = bins[next++];
    }
    c.equal(label + " count", bin.count, line.count);
    c.equal(label + " bytes", bin.bytes + bin.count, line.total);
    c.equal(label + " from", bin.min_size + 1, line.from);
    c.equal(label + " to", bin.max_size + 1, line.to);
  }
  c.equal(name + " non-empty bins", next, bins.size());
  std::uint64_t fast_kinds = 0;
  for (std::size_t k = 0; k < arena.fastbin_counts.size(); ++k) {
    if (arena.fastbin_counts[k] == 0) continue;
    ++fast_kinds;
    const auto it = std::find_if(fast.begin(), fast.end(),
                                 [&](const SizeLine& l) { return l.to == 32 + 16 * k; });
    c.equal(fmt::format("{} fastbin {}", name, k), arena.fastbin_counts[k],
            it == fast.end() ? 0 : it->count);
  }
  c.equal(name + " non-empty fastbins", fast_kinds, fast.size());
}

void compare_totals(const MallocHeap& heap, const Record& said, Comparison& c) {
  std::uint64_t system = 0, bins = 0, bin_bytes = 0, fast = 0, fast_bytes = 0, tops = 0;
  for (const Arena& a : heap.arenas) {
    system += a.system_bytes;
    bins += a.bin_count;
    bin_bytes += a.bin_bytes;
    fast += a.fastbin_count;
    fast_bytes += a.fastbin_bytes;
    tops += a.top_bytes;
  }
  const std::uint64_t free = bin_bytes + fast_bytes + tops;
  const std::vector<std::pair<const char*, std::uint64_t>> fields{
      {"arena", system},
      {"ordblks", bins + heap.arenas.size()},
      {"smblks", fast},
      {"hblks", heap.mmapped_count},
      {"hblkhd", heap.parameters.mmapped_bytes},
      {"usmblks", 0},
      {"fsmblks", fast_bytes},
      {"uordblks", system - free},
      {"fordblks", free},
      {"keepcost", heap.arenas.front().top_bytes}};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string name = std::string("mallinfo ") + fields[i].first;
    if (said.wide) {
      c.equal(name, fields[i].second, said.mallinfo[i]);
    } else {
      c.equal(name, static_cast<std::int32_t>(fields[i].second),
              static_cast<std::int32_t>(said.mallinfo[i]));
    }
  }
  c.equal("mmap total count", heap.mmapped_count, said.whole.totals.at("mmap").first);
  c.equal("mmap total size", heap.parameters.mmapped_bytes, said.whole.totals.at("mmap").second);
  // 2.43 and later add 16 bytes with each realloc that remaps, and never take them back.
  const std::uint64_t drift = heap.parameters.mmapped_bytes - heap.mmapped_bytes;
  c.holds(fmt::format("sum of mappings {}, counted {}", heap.mmapped_bytes,
                      heap.parameters.mmapped_bytes),
          said.minor >= 43 ? drift % 16 == 0 && drift < 1 << 20 : drift == 0);
  c.equal("system of all", system, said.whole.system.at("current"));
}

void compare_live(const MallocHeap& heap, const image::Image& image, const Record& said,
                  Comparison& c) {
  std::unordered_map<std::uint64_t, const Chunk*> used;
  for (const Chunk& chunk : heap.chunks) {
    if (chunk.state == ChunkState::used) used.emplace(chunk.user().value, &chunk);
  }
  for (const auto& [pointer, usable] : said.live) {
    const auto it = used.find(pointer);
    if (it == used.end()) {
      c.wrong(fmt::format("live {:#x} is not a used chunk", pointer));
      continue;
    }
    c.equal(fmt::format("usable size of {:#x}", pointer), heap.usable_size(*it->second), usable);
    used.erase(it);
  }

  // What is left belongs to the C library itself, each with a reason.
  std::map<std::string, int> causes;
  const auto explain = [&](std::uint64_t pointer, const char* cause) {
    if (used.erase(pointer) > 0) ++causes[cause];
  };
  explain(said.file, "FILE");
  for (const auto& tcache : heap.tcaches) explain(tcache.address.value, "tcache");
  // The FILE is the first thing that main allocates: what lies below it in the main arena is what
  // the C library needed before main (a static program sets up its search paths and name spaces).
  for (const Chunk& chunk : heap.chunks) {
    if (chunk.arena == 0 && !chunk.mmapped && chunk.user().value < said.file) {
      explain(chunk.user().value, "before main");
    }
  }
  // Thread-specific data, which is what libdl keeps for dlerror: named in the control block itself.
  for (const image::Thread& thread : image.threads) {
    for (std::uint64_t at = 0; thread.thread_pointer && at < 0x900; at += 8) {
      const auto word = image.space.read<std::uint64_t>(Address{*thread.thread_pointer} + at);
      if (word) explain(*word, "thread-specific");
    }
  }
  // A thread control block points to itself twice and to its dtv between. Those of threads that
  // ended stay behind in cached stacks, and in a fork's child.
  for (const image::Piece& piece : image.space.pieces()) {
    if (piece.source == image::ByteSource::backing_file) continue;
    for (std::uint64_t at = 0; at + 24 <= piece.range.size(); at += 16) {
      std::uint64_t words[3];
      std::memcpy(words, piece.data + at, sizeof words);
      const std::uint64_t self = piece.range.begin.value + at;
      if (words[0] == self && words[2] == self) explain(words[1] - 16, "dtv");
    }
  }
  for (const auto& [pointer, chunk] : used) {
    c.wrong(fmt::format("{:#x} of {} bytes is called used, nobody holds it", pointer, chunk->size));
  }
  std::string text;
  for (const auto& [cause, count] : causes) text += fmt::format(" {} {}", count, cause);
  fmt::print("  the library's own chunks:{}\n", text);
}

}  // namespace

void check_invariants(const MallocHeap& heap, Comparison& c) {
  std::vector<AddressRange> tiles;
  std::uint64_t previous = 0;
  for (const Chunk& chunk : heap.chunks) {
    c.holds(fmt::format("chunk {:#x} in order", chunk.address.value),
            chunk.address.value >= previous);
    previous = chunk.address.value + chunk.size;
    if (!chunk.mmapped) tiles.push_back({chunk.address, chunk.address + chunk.size});
  }
  for (const auto& o : heap.overhead) {
    if (o.what != glibc::Overhead::What::mmap_header &&
        o.what != glibc::Overhead::What::unused_tail && o.what != glibc::Overhead::What::reserved) {
      tiles.push_back(o.range);
    }
  }
  std::sort(tiles.begin(), tiles.end());
  std::size_t at = 0;
  std::vector<std::uint64_t> sums(heap.arenas.size(), 0);
  for (const auto& segment : heap.segments) {
    Address a = segment.range.begin;
    while (at < tiles.size() && tiles[at].begin == a && a < segment.range.end) a = tiles[at++].end;
    c.holds(fmt::format("segment {:#x} is tiled up to {:#x} of {:#x}", segment.range.begin.value,
                        a.value, segment.range.end.value),
            a == segment.range.end);
    sums[segment.arena] += segment.range.size();
  }
  c.equal("tiles in segments", at, tiles.size());
  for (std::size_t i = 0; i < heap.arenas.size(); ++i) {
    c.equal(fmt::format("arena {} segments' sum", i), sums[i], heap.arenas[i].system_bytes);
  }
}

void compare(const MallocHeap& heap, const image::Image& image, const Record& said, Comparison& c) {
  c.equal("arenas", heap.arenas.size(), said.heaps.size());
  const Expected headers = headers_of(said.minor);
  for (std::size_t i = 0; i < std::min(heap.arenas.size(), said.heaps.size()); ++i) {
    const Arena& arena = heap.arenas[i];
    compare_arena(fmt::format("arena {}", i), arena, said.heaps[i], said.minor, c);
    c.equal(fmt::format("arena {} parts", i),
            arena.used_bytes + arena.bin_bytes + arena.fastbin_bytes + arena.tcache_bytes +
                arena.top_bytes + arena.overhead_bytes,
            arena.system_bytes);
    if (i == 0) continue;
    std::uint64_t header_bytes = 0;
    for (const auto& o : heap.overhead) {
      if (o.arena == i && o.what == glibc::Overhead::What::heap_info)
        header_bytes += o.range.size();
    }
    c.equal(fmt::format("arena {} heap headers", i), header_bytes,
            headers.first + (arena.segments - 1) * headers.later);
  }
  compare_totals(heap, said, c);
  compare_live(heap, image, said, c);
  for (const Finding& f : heap.findings) {
    c.wrong(fmt::format("finding {:#x} {}: {}", f.address.value, f.what, f.evidence));
  }
}

void check_torn(const MallocHeap& heap, Comparison& c) {
  std::set<Address> torn;
  for (const Finding& f : heap.findings) {
    const Arena* arena = nullptr;
    for (const auto& segment : heap.segments) {
      if (segment.range.contains(f.address)) arena = &heap.arenas[segment.arena];
    }
    c.holds(
        fmt::format("finding {:#x} {}: {}: not in a locked arena", f.address.value, f.what,
                    f.evidence),
        (arena != nullptr && arena->locked) ||
            (f.what == "tcache whose counts and lists disagree" &&
             f.evidence.find(", 1 lists") != std::string::npos && torn.insert(f.address).second));
    fmt::print("  (moment of the crash) {:#x} {}: {}\n", f.address.value, f.what, f.evidence);
  }
}

}  // namespace coreheap::glibc_oracle
