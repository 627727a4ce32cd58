// Every heap of an arena begins at a multiple of heap_max with a heap_info that names the arena;
// the newest holds top, the others follow by `prev`. Their sizes add up to system_mem, always. The
// main arena has no heap_info: while it is contiguous its memory is one run that ends with top and
// is system_mem long; when brk was blocked it got mmapped regions instead, of which there is no
// list.
//
// Invariant: the segments planned for an arena are disjoint and, without a finding, add up to its
// system_mem.
#include "heapparse/malloc/arenas.h"

#include <fmt/format.h>

#include <algorithm>

#include "heapparse/malloc/anonymous_memory.h"
#include "heapparse/malloc/layout.h"
#include "heapparse/malloc/walk.h"

namespace coreheap::glibc {
namespace {

using image::Image;
using image::Reader;

struct HeapInfo {
  Address arena;
  Address previous;
  std::uint64_t size = 0;
  std::uint64_t mprotect_size = 0;
};

std::optional<HeapInfo> read_heap_info(Reader& reader, Address heap) {
  const auto arena = reader.read_address(heap + HeapInfoLayout::kArena);
  const auto previous = reader.read_address(heap + HeapInfoLayout::kPrevious);
  const auto size = reader.read<std::uint64_t>(heap + HeapInfoLayout::kSize);
  const auto mprotect_size = reader.read<std::uint64_t>(heap + HeapInfoLayout::kMprotectSize);
  if (!arena || !previous || !size || !mprotect_size) return std::nullopt;
  return HeapInfo{*arena, *previous, *size, *mprotect_size};
}

bool sound(const HeapInfo& info, Address arena, std::uint64_t heap_max) {
  return info.arena == arena && info.size <= heap_max && info.mprotect_size <= heap_max &&
         info.size >= 4096 && info.size % 4096 == 0;
}

void plan_heap(const ArenaRing& ring, std::size_t index, Address heap, const HeapInfo& info,
               Arena& arena, SegmentPlans& out) {
  const std::uint64_t header = ring.heap_info_bytes != 0 ? ring.heap_info_bytes : kSmallHeapInfo;
  const bool first = heap + header == ring.arena(index);
  const std::uint64_t chunks_at =
      first ? ring.layout->first_chunk(static_cast<std::uint32_t>(header)) : header;
  const std::uint64_t readable = std::max(info.size, info.mprotect_size);

  SegmentPlan plan;
  plan.segment.range = {heap, heap + info.size};
  plan.segment.mprotect_end = heap + readable;
  plan.segment.arena = static_cast<std::uint16_t>(index);
  plan.segment.is_heap_info = true;
  plan.first_chunk = heap + chunks_at;
  out.plans.push_back(plan);

  const auto a = static_cast<std::uint16_t>(index);
  using What = Overhead::What;
  out.overhead.push_back({{heap, heap + chunks_at}, What::heap_info, a});
  if (readable > info.size) {
    out.overhead.push_back({{heap + info.size, heap + readable}, What::unused_tail, a});
  }
  if (ring.heap_max > readable) {
    out.overhead.push_back({{heap + readable, heap + ring.heap_max}, What::reserved, a});
  }
  out.reserved.push_back({heap, heap + ring.heap_max});
  arena.mprotect_bytes += info.mprotect_size;
  ++arena.segments;
}

// Heaps of `arena` that the list of heaps does not reach, by looking at every aligned address.
std::vector<Address> heaps_naming(const Image& image, Reader& reader, Address arena,
                                  std::uint64_t heap_max) {
  std::vector<Address> heaps;
  for (const image::Piece& piece : image.space.pieces()) {
    for (Address heap = piece.range.begin.aligned_up(heap_max); piece.range.contains(heap, 4096);
         heap = heap + heap_max) {
      if (reader.read_address(heap) == arena) heaps.push_back(heap);
    }
  }
  return heaps;
}

}  // namespace

std::vector<Arena> read_arenas(const Image& image, const ArenaRing& ring) {
  Reader reader(image.space);
  std::vector<Arena> arenas;
  arenas.reserve(ring.bins.size());
  for (std::size_t i = 0; i < ring.bins.size(); ++i) {
    const Address bins = ring.bins[i];
    const auto word = [&](std::uint64_t offset) {
      return reader.read<std::uint64_t>(bins + offset).value_or(0);
    };
    Arena arena;
    arena.address = ring.arena(i);
    arena.is_main = i == 0;
    arena.locked = reader.read<std::uint32_t>(arena.address).value_or(0) != 0;
    const auto flags = reader.read<std::uint32_t>(arena.address + 4).value_or(0);
    arena.non_contiguous = (flags & kNonContiguous) != 0;
    if (ring.layout->attached_threads) arena.attached_threads = word(ArenaLayout::kAttached);
    arena.system_bytes = word(ring.layout->system_mem());
    arena.max_system_bytes = word(ring.layout->max_system_mem());
    arena.top = Address{word(static_cast<std::uint64_t>(ArenaLayout::kTop))};
    if (arena.top == bins - 16) arena.top = {};  // never had memory
    if (!!arena.top) {
      arena.top_bytes = reader.read<std::uint64_t>(arena.top + 8).value_or(0) & ~kFlagBits;
    }
    arenas.push_back(std::move(arena));
  }
  return arenas;
}

MainArenaFacts main_arena_facts(const Arena& main) {
  MainArenaFacts facts;
  facts.contiguous = !main.non_contiguous;
  facts.system_bytes = main.system_bytes;
  if (facts.contiguous && !!main.top && main.system_bytes > 0) {
    facts.expected_sbrk_base = main.top + main.top_bytes - main.system_bytes;
  }
  return facts;
}

void find_heap_segments(const Image& image, const ArenaRing& ring, std::vector<Arena>& arenas,
                        SegmentPlans& out) {
  Reader reader(image.space);
  for (std::size_t i = 1; i < arenas.size(); ++i) {
    Arena& arena = arenas[i];
    if (!arena.top) continue;
    std::vector<Address> heaps;
    std::uint64_t sum = 0;
    Address heap = arena.top.aligned_down(ring.heap_max);
    const std::uint64_t most = arena.system_bytes / 4096 + 1;
    while (!!heap && heaps.size() < most) {
      const auto info = read_heap_info(reader, heap);
      if (!info || !sound(*info, arena.address, ring.heap_max) ||
          std::find(heaps.begin(), heaps.end(), heap) != heaps.end()) {
        note(out.findings, {heap, "heap of an arena does not name it, or repeats",
                            fmt::format("arena {:#x}", arena.address.value), Severity::damage});
        break;
      }
      heaps.push_back(heap);
      sum += info->size;
      heap = info->previous;
    }
    if (sum != arena.system_bytes) {
      for (const Address other : heaps_naming(image, reader, arena.address, ring.heap_max)) {
        if (std::find(heaps.begin(), heaps.end(), other) != heaps.end()) continue;
        const auto info = read_heap_info(reader, other);
        if (!info || !sound(*info, arena.address, ring.heap_max)) continue;
        if (sum + info->size > arena.system_bytes) continue;
        heaps.push_back(other);
        sum += info->size;
      }
    }
    for (const Address h : heaps) {
      if (const auto info = read_heap_info(reader, h)) plan_heap(ring, i, h, *info, arena, out);
    }
    if (sum != arena.system_bytes) {
      note(out.findings, {arena.address, "heaps do not add up to the arena's system_mem",
                          fmt::format("{:#x} in {} heaps, system_mem {:#x}", sum, heaps.size(),
                                      arena.system_bytes),
                          Severity::damage});
    }
  }
}

namespace {

void plan_main(AddressRange range, bool open_end, SegmentPlans& out) {
  SegmentPlan plan;
  plan.segment.range = range;
  plan.segment.mprotect_end = range.end;
  plan.first_chunk = range.begin.aligned_up(kAlignment);
  plan.open_end = open_end;
  if (plan.first_chunk > range.begin) {
    // sbrk_base is odd when somebody called sbrk before (ld.so copies tunables: 2.25 to 2.34).
    out.overhead.push_back({{range.begin, plan.first_chunk}, Overhead::What::alignment, 0});
  }
  out.plans.push_back(plan);
}

// Too many: keep those that must be (first, top's), then the largest, while they fit.
std::vector<AddressRange> fitting(std::vector<AddressRange> regions, const Arena& main) {
  const auto must = [&](const AddressRange& r) { return r.contains(main.top); };
  std::stable_sort(regions.begin(), regions.end(),
                   [&](const AddressRange& a, const AddressRange& b) {
                     if (must(a) != must(b)) return must(a);
                     return a.size() > b.size();
                   });
  std::vector<AddressRange> kept;
  std::uint64_t sum = 0;
  for (const AddressRange& region : regions) {
    if (sum + region.size() > main.system_bytes) continue;
    kept.push_back(region);
    sum += region.size();
  }
  return kept;
}

}  // namespace

void find_main_segments(const Image& image, const ArenaRing& ring, const Arena& main,
                        const MallocParameters& parameters,
                        const std::vector<AddressRange>& exclude, SegmentPlans& out) {
  if (!main.top || main.system_bytes == 0) return;
  const Address end = main.top + main.top_bytes;
  if (!main.non_contiguous) {
    Address begin = end - main.system_bytes;
    if (parameters.found && !!parameters.sbrk_base && parameters.sbrk_base != begin) {
      note(out.findings, {begin, "main arena does not begin at sbrk_base",
                          fmt::format("sbrk_base {:#x}, end of top {:#x} less system_mem {:#x}",
                                      parameters.sbrk_base.value, end.value, main.system_bytes),
                          Severity::warning});
      if (parameters.sbrk_base < main.top) begin = parameters.sbrk_base;
    }
    if (begin >= end || !image.space.is_mapped(begin)) {
      note(out.findings,
           {main.top, "main arena's top makes no sense",
            fmt::format("top of {:#x} bytes, system_mem {:#x}", main.top_bytes, main.system_bytes),
            Severity::damage});
      return;
    }
    plan_main({begin, end}, false, out);
    return;
  }

  // Not contiguous. Where chunks cannot be, no region is looked for.
  std::vector<AddressRange> taken = exclude;
  taken.insert(taken.end(), out.reserved.begin(), out.reserved.end());
  std::vector<AddressRange> regions;
  for (const AddressRange& memory : without(anonymous_memory(image), normalised(taken))) {
    const auto found = find_regions(image.space, memory, image.page_size, {main.top, end});
    regions.insert(regions.end(), found.begin(), found.end());
    if (parameters.found && memory.contains(parameters.sbrk_base) &&
        std::none_of(found.begin(), found.end(),
                     [&](const AddressRange& r) { return r.begin == parameters.sbrk_base; })) {
      // From brk, before it was blocked: need not begin on a page.
      const AddressRange rest{parameters.sbrk_base, memory.end};
      WalkInput input;
      input.range = rest;
      input.first_chunk = rest.begin.aligned_up(kAlignment);
      input.top = memory.contains(main.top) && main.top > rest.begin ? main.top : Address{};
      if (!!input.top && end > main.top) input.range.end = end;
      input.open_end = true;
      const AddressRange region{rest.begin, walk_segment(image.space, input).end};
      std::erase_if(regions, [&](const AddressRange& r) {
        return r.begin < region.end && region.begin < r.end;
      });
      regions.push_back(region);
    }
  }
  std::uint64_t sum = 0;
  for (const AddressRange& r : regions) sum += r.size();
  if (sum > main.system_bytes) {
    regions = fitting(std::move(regions), main);
    sum = 0;
    for (const AddressRange& r : regions) sum += r.size();
  }
  if (sum != main.system_bytes) {
    note(out.findings, {ring.arena(0), "regions do not add up to the main arena's system_mem",
                        fmt::format("{:#x} in {} regions, system_mem {:#x}", sum, regions.size(),
                                    main.system_bytes),
                        Severity::damage});
  }
  std::sort(regions.begin(), regions.end());
  for (const AddressRange& region : regions) plan_main(region, true, out);
}

}  // namespace coreheap::glibc
