// The main arena is found by its bins: 127 list heads of two words each in a row. An empty bin's
// words both point 16 bytes before themselves, a filled bin's lists lead out into the heap and come
// back; bin 127 is never used, so at least one head is always empty. Nothing else in a process
// looks like that.
//
// Which layout it has is not guessed from a version but from the ring of arenas: bins have moved
// within malloc_state, the fields behind them have not. Following `next` with each known offset,
// one of them leads through all arenas and back; one offset is tried for the whole ring, mixing
// them picks garbage. Where only the main arena exists the ring is a self-reference, which is just
// as unique.
//
// Places are tried in order: writable data of modules; other writable memory of modest size (static
// programs, odd loaders); and, where libc's data is missing from the core, arenas at the start of
// aligned heaps, whose rings lead to the main arena's address even when its bytes are not there.
#include "heapparse/malloc/find_main_arena.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <unordered_set>
#include <utility>

#include "heapparse/malloc/anonymous_memory.h"
#include "heapparse/malloc/layout.h"

namespace coreheap::glibc {
namespace {

using image::Image;
using image::Presence;
using image::Reader;

// A crash in the middle of malloc leaves one bin half linked; two are tolerated.
constexpr unsigned kBadBinsAllowed = 2;
// Other writable memory is scanned up to this size; the data of a static program is far below.
constexpr std::uint64_t kModestMapping = 16ULL << 20;
constexpr std::size_t kMostArenas = 1 << 16;

enum class Head { empty, filled, unknown, bad };

Head judge_head(Reader& reader, Address slot) {
  const Address head = slot - 16;
  const auto fd = reader.read_address(slot);
  const auto bk = reader.read_address(slot + 8);
  if (!fd || !bk) return Head::bad;
  if (*fd == head && *bk == head) return Head::empty;
  if (!fd->is_aligned(kAlignment) || !bk->is_aligned(kAlignment) || !*fd || !*bk) return Head::bad;
  const auto back = reader.read_address(*fd + 24);
  const auto forward = reader.read_address(*bk + 16);
  if (!back || !forward) {
    // A truncated core: the chunk is where the target had memory, its bytes are not here.
    const auto& space = reader.space();
    const bool absent = (back || space.presence(*fd + 24) == Presence::missing) &&
                        (forward || space.presence(*bk + 16) == Presence::missing);
    return absent ? Head::unknown : Head::bad;
  }
  return *back == head && *forward == head ? Head::filled : Head::bad;
}

// How many of the 127 heads are wrong, or nothing when it is too many.
std::optional<unsigned> wrong_heads(Reader& reader, Address bins) {
  unsigned bad = 0;
  unsigned sound = 0;
  for (unsigned i = 0; i < kBins; ++i) {
    switch (judge_head(reader, bins + 16 * i)) {
      case Head::bad:
        if (++bad > kBadBinsAllowed) return std::nullopt;
        break;
      case Head::unknown:
        break;
      default:
        ++sound;
    }
  }
  if (sound == 0) return std::nullopt;
  return bad;
}

bool looks_like_bins(Reader& reader, Address bins) { return wrong_heads(reader, bins).has_value(); }

// The arena lives at the start of a heap_info of this size (32 or 48), or 0.
std::uint32_t heap_info_before(Reader& reader, Address arena) {
  for (const std::uint32_t bytes : {kSmallHeapInfo, kLargeHeapInfo}) {
    if ((arena.value & 0xfff) != bytes) continue;
    const Address heap = arena - bytes;
    if (reader.read_address(heap) == arena &&
        reader.read<std::uint64_t>(heap + HeapInfoLayout::kPrevious) == 0) {
      return bytes;
    }
  }
  return 0;
}

struct Walked {
  std::vector<Address> bins;
  bool closed = false;
};

// Follows `next` from `start` with one layout for all. All arenas but the main one live at the
// start of a heap; a step to anything else ends the ring.
Walked follow_ring(Reader& reader, Address start, const ArenaLayout& layout) {
  Walked ring;
  std::unordered_set<Address> seen;
  bool main_met = false;
  for (Address bins = start; ring.bins.size() < kMostArenas;) {
    if (!seen.insert(bins).second) return ring;
    ring.bins.push_back(bins);
    if (heap_info_before(reader, bins - layout.bins) == 0) {
      if (main_met) {
        ring.bins.pop_back();
        return ring;
      }
      main_met = true;
    }
    const auto next = reader.read_address(bins + ArenaLayout::kNext);
    if (!next || !*next || !next->is_aligned(8)) return ring;
    bins = *next + layout.bins;
    if (bins == start) {
      ring.closed = true;
      return ring;
    }
    if (!looks_like_bins(reader, bins)) {
      // The main arena's data may be absent from the core; its place in the ring is still known.
      if (!main_met && reader.space().presence(bins) == Presence::missing)
        ring.bins.push_back(bins);
      return ring;
    }
  }
  return ring;
}

// Each word is small or page-granular in one of the two places only.
bool has_attached_threads(Reader& reader, const std::vector<Address>& bins) {
  int votes = 0;
  for (const Address b : bins) {
    const auto first = reader.read<std::uint64_t>(b + ArenaLayout::kAttached);
    const auto second = reader.read<std::uint64_t>(b + ArenaLayout::kAttached + 8);
    const auto third = reader.read<std::uint64_t>(b + ArenaLayout::kAttached + 16);
    if (!first || !second || !third) continue;
    const bool with = *first < 0x1000 && *second <= *third;
    const bool without = *first >= 0x1000 && *first <= *second;
    votes += with ? 1 : 0;
    votes -= without ? 1 : 0;
  }
  return votes >= 0;
}

bool same_shape_but_for_attached(const ArenaLayout& a, const ArenaLayout& b) {
  return a.bins == b.bins && a.attached_threads != b.attached_threads;
}

// The alignment of heaps: the largest power of two under which every arena's top leads back to it.
std::uint64_t heap_alignment(Reader& reader, const ArenaRing& ring) {
  // 64 MiB always, but for 2.35..2.41 with huge pages: four times the huge page.
  constexpr std::array<std::uint64_t, 8> kSizes{kDefaultHeapMax, 8ULL << 20, 4ULL << 30,
                                                128ULL << 20,    2ULL << 30, 256ULL << 10,
                                                1ULL << 20,      64ULL << 30};
  for (const std::uint64_t size : kSizes) {
    bool fits = true;
    bool any = false;
    for (std::size_t i = 1; i < ring.bins.size() && fits; ++i) {
      const auto top = reader.read_address(ring.bins[i] + ArenaLayout::kTop);
      if (!top) continue;
      any = true;
      fits = reader.read_address(top->aligned_down(size)) == ring.arena(i);
    }
    if (any && fits) return size;
  }
  return kDefaultHeapMax;
}

// Finds the layout under which the ring closes; with none, the one that leads furthest.
std::optional<ArenaRing> ring_from(Reader& reader, Address bins) {
  std::optional<ArenaRing> best;
  for (const ArenaLayout& layout : arena_layouts()) {
    if (best && best->layout->bins == layout.bins) continue;  // decided by attached_threads below
    const Walked walked = follow_ring(reader, bins, layout);
    const bool better = !best || (walked.closed && !best->closed) ||
                        (walked.closed == best->closed && walked.bins.size() > best->bins.size());
    if (!better) continue;
    best.emplace();
    best->layout = &layout;
    best->bins = walked.bins;
    best->closed = walked.closed;
  }
  if (!best) return std::nullopt;

  // Bring the main arena to the front: the one that is not in a heap of its own.
  std::size_t main = best->bins.size();
  for (std::size_t i = 0; i < best->bins.size(); ++i) {
    const std::uint32_t bytes = heap_info_before(reader, best->arena(i));
    if (bytes == 0) {
      main = std::min(main, i);
    } else if (best->heap_info_bytes == 0) {
      best->heap_info_bytes = bytes;
    }
  }
  if (main == best->bins.size()) return std::nullopt;  // only heaps: the ring is not whole
  std::rotate(best->bins.begin(), best->bins.begin() + static_cast<std::ptrdiff_t>(main),
              best->bins.end());

  const bool attached = has_attached_threads(reader, best->bins);
  if (best->layout->attached_threads != attached) {
    for (const ArenaLayout& layout : arena_layouts()) {
      if (same_shape_but_for_attached(layout, *best->layout)) best->layout = &layout;
    }
  }
  best->heap_max = heap_alignment(reader, *best);
  return best;
}

bool ring_is_used(Reader& reader, const ArenaRing& ring) {
  return std::any_of(ring.bins.begin(), ring.bins.end(), [&](Address b) {
    return reader.read<std::uint64_t>(b + ring.layout->system_mem()).value_or(0) > 0;
  });
}

// For a ring that was entered from a heap: where its main arena is.
void set_place(const Image& image, ArenaRing& ring) {
  const Address main = ring.arena(0);
  for (std::size_t m = 0; m < image.modules.size(); ++m) {
    for (const AddressRange& range : image.modules[m].data) {
      if (!range.contains(main)) continue;
      ring.place = range;
      ring.module = static_cast<std::int32_t>(m);
      return;
    }
  }
  if (const image::Mapping* mapping = image.mapping_at(main)) ring.place = mapping->range;
}

class Search {
 public:
  Search(const Image& image, JobControl& job) : image_(image), reader_(image.space), job_(job) {}

  void scan(AddressRange range, std::int32_t module) {
    for (Address a = range.begin; a < range.end && !job_.cancelled();) {
      const auto bytes = image_.space.bytes_up_to(a, range.end - a);
      if (bytes.empty()) {
        a = next_present(image_.space, a, range.end);
        continue;
      }
      scan_bytes(a, bytes, range, module);
      a = a + bytes.size();
    }
    take_open_rings();
  }

  // An arena at the start of an aligned heap leads to the ring it belongs to.
  void enter_by_heaps() {
    for (const image::Piece& piece : image_.space.pieces()) {
      for (Address heap = piece.range.begin.aligned_up(256ULL << 10);
           piece.range.contains(heap, 4096); heap = heap + (256ULL << 10)) {
        if (job_.cancelled()) return;
        const auto arena = reader_.read_address(heap);
        if (!arena || !*arena) continue;
        if (*arena - heap != kSmallHeapInfo && *arena - heap != kLargeHeapInfo) continue;
        for (const ArenaLayout& layout : arena_layouts()) {
          const Address bins = *arena + layout.bins;
          if (known(bins) || !looks_like_bins(reader_, bins)) continue;
          if (auto ring = ring_from(reader_, bins)) {
            ring->evidence.push_back({"main_arena",
                                      fmt::format("through the arena of the heap at {:#x}, ring of "
                                                  "{} arenas",
                                                  heap.value, ring->bins.size()),
                                      Evidence::Strength::probable});
            add(std::move(*ring));
          }
          break;
        }
      }
    }
  }

  std::vector<ArenaRing> take() { return std::move(rings_); }
  bool any_used() const { return !rings_.empty(); }

 private:
  // The bins of a known arena overlap: with two wrong heads allowed, the right place shifted by one
  // or two bins looks right too.
  bool known(Address bins) const {
    return std::any_of(rings_.begin(), rings_.end(), [&](const ArenaRing& ring) {
      return std::any_of(ring.bins.begin(), ring.bins.end(),
                         [&](Address b) { return overlap(b, bins); });
    });
  }
  static bool overlap(Address a, Address b) {
    return a < b ? b - a < ArenaLayout::kBinmap : a - b < ArenaLayout::kBinmap;
  }

  void add(ArenaRing ring) {
    if (!ring_is_used(reader_, ring)) return;
    if (!ring.closed) {
      ring.findings.push_back({ring.arena(0), "ring of arenas does not close",
                               fmt::format("{} arenas followed by `next`", ring.bins.size()),
                               Severity::damage});
    }
    rings_.push_back(std::move(ring));
  }

  void scan_bytes(Address begin, std::span<const std::byte> bytes, AddressRange range,
                  std::int32_t module) {
    const std::uint64_t shift = (8 - begin.value % 8) % 8;
    if (bytes.size() < shift + 16) return;
    const Address first = begin + shift;
    const std::size_t words = (bytes.size() - shift) / 8;
    // Each place for bins[0] is judged once, so that a range full of self-references costs no more
    // than its length.
    std::vector<bool> judged(words, false);
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + shift, 8);
    for (std::size_t i = 0; i + 1 < words; ++i) {
      std::uint64_t next = 0;
      std::memcpy(&next, bytes.data() + shift + 8 * (i + 1), 8);
      const Address a = first + 8 * i;
      const bool empty_head = word == next && word == a.value - 16;
      word = next;
      if (!empty_head) continue;
      for (std::size_t k = 0; k < kBins && 2 * k <= i; ++k) {
        const std::size_t at = i - 2 * k;
        if (judged[at]) continue;
        judged[at] = true;
        const Address bins = first + 8 * at;
        if (known(bins) || !looks_like_bins(reader_, bins)) continue;
        consider(bins, range, module);
      }
    }
  }

  void consider(Address bins, AddressRange range, std::int32_t module) {
    auto ring = ring_from(reader_, bins);
    if (!ring || known(ring->bins.front())) return;
    if (ring->bins.front() == bins) {
      ring->module = module;
      ring->place = range;
    }
    const std::string where =
        module >= 0 ? fmt::format("in the data of {}",
                                  image_.modules[static_cast<std::size_t>(module)].path)
                    : std::string("in anonymous memory");
    ring->evidence.push_back(
        {"main_arena",
         fmt::format("127 bins that point to themselves or come back at {:#x} {}, {}",
                     ring->arena(0).value, where,
                     ring->closed ? fmt::format("ring of {} arenas closes", ring->bins.size())
                                  : std::string("ring does not close")),
         ring->closed ? Evidence::Strength::certain : Evidence::Strength::probable});
    if (ring->closed) {
      add(std::move(*ring));
    } else if (const auto wrong = wrong_heads(reader_, bins)) {
      open_.emplace_back(*wrong, std::move(*ring));
    }
  }

  // Rings that do not close count only where none does: the place with the fewest wrong heads.
  void take_open_rings() {
    std::stable_sort(open_.begin(), open_.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (auto& [wrong, ring] : open_) {
      if (!known(ring.bins.front())) add(std::move(ring));
    }
    open_.clear();
  }

  const Image& image_;
  Reader reader_;
  JobControl& job_;
  std::vector<ArenaRing> rings_;
  std::vector<std::pair<unsigned, ArenaRing>> open_;
};

}  // namespace

std::vector<ArenaRing> find_rings(const Image& image, const image::Symbols& symbols,
                                  JobControl& job) {
  job.begin_step("looking for malloc's arenas", image.modules.size());
  Search search(image, job);
  for (std::size_t m = 0; m < image.modules.size(); ++m) {
    for (const AddressRange& range : image.modules[m].data) {
      search.scan(range, static_cast<std::int32_t>(m));
    }
    job.advance(1);
  }
  if (!search.any_used()) {
    for (const image::Mapping& mapping : image.mappings) {
      if (!mapping.writable || mapping.shared || mapping.range.size() > kModestMapping) continue;
      search.scan(mapping.range, mapping.module);
    }
  }
  if (!search.any_used()) search.enter_by_heaps();

  std::vector<ArenaRing> rings = search.take();
  for (ArenaRing& ring : rings) {
    if (ring.place.empty()) set_place(image, ring);
    // The symbol confirms what structure found; without it the answer is the same.
    for (const image::Symbol& symbol : symbols.find("main_arena")) {
      if (symbol.address == ring.arena(0)) {
        ring.evidence.push_back({"main_arena", "the symbol main_arena names the same address",
                                 Evidence::Strength::certain});
      }
    }
  }
  return rings;
}

}  // namespace coreheap::glibc
