// mp_ is a plain struct of numbers that nothing points to, so each aligned place in libc's data is
// measured against every layout that can go with the arenas. First what must hold in any state
// (counters below their high-water marks, flags that are 0 or 1), then points for what usually
// holds (defaults that few programs change). What makes the best place unique is sbrk_base: while
// the main arena is contiguous it is exactly the end of top minus system_mem.
#include "heapparse/malloc/find_parameters.h"

#include <fmt/format.h>

#include <cstring>
#include <vector>

#include "heapparse/malloc/anonymous_memory.h"
#include "heapparse/malloc/layout.h"

namespace coreheap::glibc {
namespace {

using image::Image;

std::uint64_t word_at(const std::byte* at, std::uint32_t offset) {
  std::uint64_t value = 0;
  std::memcpy(&value, at + offset, sizeof value);
  return value;
}

std::int32_t int_at(const std::byte* at, std::uint32_t offset) {
  std::int32_t value = 0;
  std::memcpy(&value, at + offset, sizeof value);
  return value;
}

bool goes_with(const ParameterLayout& layout, const ArenaRing& ring) {
  if (layout.fastbins != ring.layout->fastbins) return false;
  if (layout.attached_threads && !ring.layout->attached_threads) return false;
  return ring.heap_info_bytes == 0 || ring.heap_info_bytes == layout.heap_info_bytes;
}

// A first chunk in use at what would be sbrk_base, once aligned.
bool starts_with_chunk(const Image& image, Address base) {
  const auto size = image.space.read<std::uint64_t>(base.aligned_up(kAlignment) + 8);
  if (!size || (*size & kPrevInUse) == 0) return false;
  const std::uint64_t bytes = *size & ~kFlagBits;
  return bytes >= kMinChunk && bytes % kAlignment == 0 &&
         image.space.is_mapped(base.aligned_up(kAlignment) + bytes - 1);
}

MallocParameters decode(const std::byte* at, Address address, const ParameterLayout& layout) {
  MallocParameters p;
  p.found = true;
  p.address = address;
  p.trim_threshold = word_at(at, ParameterLayout::kTrimThreshold);
  p.top_pad = word_at(at, ParameterLayout::kTopPad);
  p.mmap_threshold = word_at(at, ParameterLayout::kMmapThreshold);
  p.arena_test = word_at(at, ParameterLayout::kArenaTest);
  p.arena_max = word_at(at, ParameterLayout::kArenaMax);
  p.n_mmaps = static_cast<std::uint64_t>(int_at(at, layout.n_mmaps));
  p.n_mmaps_max = static_cast<std::uint64_t>(int_at(at, layout.n_mmaps + 4));
  p.max_n_mmaps = static_cast<std::uint64_t>(int_at(at, layout.n_mmaps + 8));
  p.no_dyn_threshold = int_at(at, layout.n_mmaps + 12) != 0;
  p.mmapped_bytes = word_at(at, layout.mmapped_mem);
  p.mmapped_bytes_at = address + layout.mmapped_mem;
  p.max_mmapped_bytes = word_at(at, layout.mmapped_mem + 8);
  p.sbrk_base = Address{word_at(at, layout.sbrk_base)};
  if (layout.tcache_bins != 0) {
    p.tcache_bins = word_at(at, layout.tcache_bins);
    p.tcache_max_bytes = word_at(at, layout.tcache_bins + 8);
    p.tcache_count = word_at(at, layout.tcache_bins + 16);
  }
  if (layout.hp_page_size != 0) {
    p.thp_page_size = word_at(at, layout.hp_page_size - 8);
    p.huge_page_size = word_at(at, layout.hp_page_size);
  }
  return p;
}

// -1 when something that must hold does not.
int judge(const Image& image, const std::byte* at, Address address, const ParameterLayout& layout,
          const MainArenaFacts& main) {
  // Cheap rejections first: these run for every word of libc's data.
  const std::uint64_t arena_test = word_at(at, ParameterLayout::kArenaTest);
  if (arena_test == 0 || arena_test > 0x10000) return -1;
  if (word_at(at, ParameterLayout::kArenaMax) > 0x10000) return -1;
  const std::int32_t n_mmaps = int_at(at, layout.n_mmaps);
  const std::int32_t n_mmaps_max = int_at(at, layout.n_mmaps + 4);
  const std::int32_t max_n_mmaps = int_at(at, layout.n_mmaps + 8);
  const std::int32_t no_dyn = int_at(at, layout.n_mmaps + 12);
  if (n_mmaps < 0 || max_n_mmaps < n_mmaps || n_mmaps_max < 0) return -1;
  if (no_dyn != 0 && no_dyn != 1) return -1;

  const MallocParameters p = decode(at, address, layout);
  if (p.mmapped_bytes > p.max_mmapped_bytes) return -1;
  // From 2.43 on a realloc that remaps leaks 16 bytes into the sum; before, it is whole pages.
  const std::uint64_t grain = layout.fastbins ? 4096 : 16;
  if (p.mmapped_bytes % grain != 0) return -1;
  if (p.mmapped_bytes / 4096 < p.n_mmaps) return -1;
  if (layout.fastbins && (p.n_mmaps == 0) != (p.mmapped_bytes == 0)) return -1;
  if (layout.tcache_bins != 0) {
    if (p.tcache_bins == 0 || p.tcache_bins > 4096 || p.tcache_count > 0xffff) return -1;
  }
  if (layout.hp_page_size != 0 && (p.huge_page_size & (p.huge_page_size - 1)) != 0) return -1;

  int points = 0;
  points += p.trim_threshold == 128 * 1024 || p.trim_threshold == 2 * p.mmap_threshold ? 2 : 0;
  points += p.top_pad == 128 * 1024 ? 2 : 0;
  points += p.mmap_threshold == 128 * 1024 ? 2 : 0;
  points += p.arena_test == 8 ? 2 : 0;
  points += p.n_mmaps_max == 65536 ? 4 : 0;
  if (layout.tcache_bins != 0) {
    points += p.tcache_bins == 64 ? 4 : 0;
    points += p.tcache_max_bytes == 1032 || p.tcache_max_bytes == 1041 ? 2 : 0;
    points += p.tcache_count == 7 || p.tcache_count == 16 ? 2 : 0;
  }
  if (main.expected_sbrk_base) {
    points += p.sbrk_base == *main.expected_sbrk_base ? 20 : 0;
  }
  if (main.system_bytes == 0) {
    points += !p.sbrk_base ? 8 : 0;
  } else if (!!p.sbrk_base && starts_with_chunk(image, p.sbrk_base)) {
    points += 8;
  }
  return points;
}

// A place that fits no better than this could be any run of small numbers.
constexpr int kFewestPoints = 12;

struct Best {
  int points = kFewestPoints - 1;
  Address address;
  const ParameterLayout* layout = nullptr;
  MallocParameters values;
  int rivals = 0;  // other places with as many points
};

void scan(const Image& image, AddressRange range, const ArenaRing& ring, const MainArenaFacts& main,
          Best& best) {
  for (Address a = range.begin.aligned_up(8); a < range.end;) {
    const auto bytes = image.space.bytes_up_to(a, range.end - a);
    if (bytes.empty()) {
      a = next_present(image.space, a, range.end).aligned_up(8);
      continue;
    }
    for (const ParameterLayout& layout : parameter_layouts()) {
      if (!goes_with(layout, ring)) continue;
      for (std::size_t i = 0; i + layout.size <= bytes.size(); i += 8) {
        const std::byte* at = bytes.data() + i;
        const int points = judge(image, at, a + i, layout, main);
        if (points < best.points || points < kFewestPoints) continue;
        if (points == best.points && best.layout != nullptr) {
          ++best.rivals;
          continue;
        }
        best = {points, a + i, &layout, decode(at, a + i, layout), 0};
      }
    }
    a = (a + bytes.size()).aligned_up(8);
  }
}

}  // namespace

std::optional<FoundParameters> find_parameters(const Image& image, const image::Symbols& symbols,
                                               const ArenaRing& ring, const MainArenaFacts& main) {
  Best best;
  if (ring.module >= 0) {
    for (const AddressRange& range : image.modules[static_cast<std::size_t>(ring.module)].data) {
      scan(image, range, ring, main, best);
    }
  } else {
    scan(image, ring.place, ring, main, best);
  }
  if (best.layout == nullptr) return std::nullopt;

  FoundParameters found;
  found.layout = best.layout;
  found.values = best.values;
  const bool base_fits =
      main.expected_sbrk_base && best.values.sbrk_base == *main.expected_sbrk_base;
  found.evidence = {"mp_",
                    fmt::format("{} at {:#x}: counters and defaults agree ({} points, {} rivals){}",
                                best.layout->name, best.address.value, best.points, best.rivals,
                                base_fits ? ", sbrk_base + system_mem is the end of top" : ""),
                    base_fits && best.rivals == 0 ? Evidence::Strength::certain
                    : best.rivals == 0            ? Evidence::Strength::probable
                                                  : Evidence::Strength::guess};
  // The symbol confirms what structure found; without it the answer is the same.
  for (const image::Symbol& symbol : symbols.find("mp_")) {
    if (symbol.address == best.address) found.evidence.how += ", the symbol mp_ names it too";
  }
  return found;
}

}  // namespace coreheap::glibc
