// Puts a heap together: ring of arenas → parameters → segments → lists of free chunks → caches →
// walk of all segments → mmapped chunks → totals, each step leaving its evidence.
//
// Nothing here is believed because one source says so. system_mem, the lists and the chunks' own
// flags are three independent answers; where they differ the difference is a finding and the more
// local answer (the chunk) decides.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "heapparse/image/ranges.h"
#include "heapparse/malloc/anonymous_memory.h"
#include "heapparse/malloc/arenas.h"
#include "heapparse/malloc/bins.h"
#include "heapparse/malloc/find_main_arena.h"
#include "heapparse/malloc/find_parameters.h"
#include "heapparse/malloc/free_lists.h"
#include "heapparse/malloc/layout.h"
#include "heapparse/malloc/malloc_heap.h"
#include "heapparse/malloc/mmapped.h"
#include "heapparse/malloc/ownership.h"
#include "heapparse/malloc/tcache.h"
#include "heapparse/malloc/walk.h"

namespace coreheap::glibc {
namespace {

using image::Image;
using image::Reader;

template <class T>
void append(std::vector<T>& to, std::vector<T> from) {
  if (to.empty()) {
    to = std::move(from);
  } else {
    to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
  }
}

// Space that belongs to a heap's arenas, where no mmapped chunk can be.
std::vector<AddressRange> space_of_arenas(const MallocHeap& heap) {
  std::vector<AddressRange> ranges;
  for (const Segment& segment : heap.segments) {
    if (segment.is_heap_info) {
      ranges.push_back({segment.range.begin, segment.range.begin + heap.layout.heap_max_size});
    } else {
      ranges.push_back(segment.range);
    }
  }
  return ranges;
}

class Builder {
 public:
  Builder(const Image& image, const image::Symbols& symbols,
          const std::vector<AddressRange>& exclude, JobControl& job, ArenaRing ring)
      : image_(image), symbols_(symbols), exclude_(exclude), job_(job), ring_(std::move(ring)) {}

  Result<MallocHeap> build() {
    heap_.module = ring_.module;
    heap_.evidence = ring_.evidence;
    heap_.findings = ring_.findings;
    heap_.arenas = read_arenas(image_, ring_);
    read_parameters();
    plan_segments();
    read_lists();
    read_caches();
    sort_entries();
    if (auto walked = walk(); !walked) return std::unexpected(walked.error());
    adopt_caches_of_dead_threads();
    total_up();
    return std::move(heap_);
  }

  // What the tcaches hold, mmapped chunks included; after build().
  std::vector<FreeEntry> take_cached() { return std::move(caches_.entries); }

 private:
  void read_parameters() {
    facts_ = main_arena_facts(heap_.arenas.front());
    const auto found = find_parameters(image_, symbols_, ring_, facts_);
    if (!found) {
      note(heap_.findings, {ring_.arena(0), "mp_ not found",
                            "no place in libc's data fits malloc_par", Severity::warning});
      return;
    }
    heap_.parameters = found->values;
    heap_.evidence.push_back(found->evidence);
    if (ring_.heap_info_bytes == 0) ring_.heap_info_bytes = found->layout->heap_info_bytes;
  }

  void plan_segments() {
    find_heap_segments(image_, ring_, heap_.arenas, plans_);
    std::vector<AddressRange> elsewhere = exclude_;
    append(elsewhere, thread_stacks(image_));
    find_main_segments(image_, ring_, heap_.arenas.front(), heap_.parameters, elsewhere, plans_);
    std::sort(plans_.plans.begin(), plans_.plans.end(),
              [](const SegmentPlan& a, const SegmentPlan& b) {
                return a.segment.range < b.segment.range;
              });
    cut_to_mapped();
    drop_overlapping_segments();
    append(heap_.findings, std::move(plans_.findings));
    heap_.overhead = std::move(plans_.overhead);
    heap_.arenas.front().segments = 0;
    for (const SegmentPlan& plan : plans_.plans) {
      if (plan.segment.arena == 0) ++heap_.arenas.front().segments;
    }
    heap_.arenas.front().mprotect_bytes = heap_.arenas.front().system_bytes;
  }

  // No segment is larger than its mapping, whatever its own words or a core's headers say.
  void cut_to_mapped() {
    const auto mapped = image_.space.mapped();
    std::erase_if(plans_.plans, [&](SegmentPlan& plan) {
      AddressRange& range = plan.segment.range;
      const auto home = image::first_ending_after(mapped, range.begin);
      const Address end =
          home != mapped.end() && home->begin <= range.begin ? home->end : range.begin;
      if (end >= range.end) return false;
      note(heap_.findings,
           {range.begin, "segment larger than its mapping",
            fmt::format("{} bytes of {} are mapped", end - range.begin, range.size()),
            Severity::damage});
      range.end = end;
      plan.segment.mprotect_end = std::min(plan.segment.mprotect_end, end);
      return range.end <= plan.first_chunk;
    });
  }

  // Two arenas cannot share memory; a smashed top could make it look so.
  void drop_overlapping_segments() {
    std::vector<SegmentPlan> kept;
    for (const SegmentPlan& plan : plans_.plans) {
      if (kept.empty() || plan.segment.range.begin >= kept.back().segment.range.end) {
        kept.push_back(plan);
        continue;
      }
      note(heap_.findings,
           {plan.segment.range.begin, "segments of two arenas overlap",
            fmt::format("arenas {} and {}", kept.back().segment.arena, plan.segment.arena),
            Severity::damage});
      // A heap says itself whose it is; the main arena's extent is computed.
      const bool takes_over = plan.segment.is_heap_info && !kept.back().segment.is_heap_info;
      drop_overhead(takes_over ? kept.back().segment : plan.segment);
      if (takes_over) kept.back() = plan;
    }
    plans_.plans = std::move(kept);
  }

  void drop_overhead(const Segment& segment) {
    std::erase_if(plans_.overhead, [&](const Overhead& o) {
      return o.arena == segment.arena && o.range.begin >= segment.range.begin &&
             o.range.begin <= segment.mprotect_end;
    });
  }

  AddressRange contiguous_main() const {
    if (heap_.arenas.front().non_contiguous) return {};
    for (const SegmentPlan& plan : plans_.plans) {
      if (plan.segment.arena == 0) return plan.segment.range;
    }
    return {};
  }

  void read_lists() {
    Reader reader(image_.space);
    for (std::size_t i = 0; i < heap_.arenas.size(); ++i) {
      read_bins(reader, ring_.bins[i], static_cast<std::uint16_t>(i), heap_.arenas[i], entries_,
                heap_.findings);
    }
  }

  std::optional<bool> safe_linking_by_layout() const {
    // Huge heap headers (2.35), no fastbins (2.43): both younger than safe-linking. Arenas before
    // have_fastchunks (2.27) are older.
    if (!ring_.layout->fastbins || ring_.heap_info_bytes == kLargeHeapInfo) return true;
    if (ring_.layout->bins == 104) return false;
    Reader reader(image_.space);
    return safe_linking_by_fastbins(reader, ring_);
  }

  void read_caches() {
    ownership_.emplace(ring_, contiguous_main());
    search_.emplace(
        TcacheSearch{image_, ring_, *ownership_, heap_.parameters, safe_linking_by_layout()});
    caches_ = find_tcaches_of_threads(*search_);
    const bool safe_linking = caches_.safe_linking.value_or(true);
    Reader reader(image_.space);
    if (ring_.layout->fastbins) {
      for (std::size_t i = 0; i < heap_.arenas.size(); ++i) {
        read_fastbins(reader, ring_.bins[i], static_cast<std::uint16_t>(i), safe_linking,
                      heap_.arenas[i], entries_, heap_.findings);
      }
    }
    entries_.insert(entries_.end(), caches_.entries.begin(), caches_.entries.end());
  }

  void sort_entries() {
    std::stable_sort(entries_.begin(), entries_.end());
    std::vector<FreeEntry> unique;
    unique.reserve(entries_.size());
    for (const FreeEntry& entry : entries_) {
      if (!unique.empty() && unique.back().chunk == entry.chunk) {
        note(heap_.findings, {entry.chunk, "chunk is on two lists of free chunks",
                              fmt::format("size {:#x}", entry.size), Severity::damage});
        continue;
      }
      unique.push_back(entry);
    }
    entries_ = std::move(unique);
  }

  Result<void> walk() {
    std::uint64_t bytes = 0;
    for (const SegmentPlan& plan : plans_.plans) bytes += plan.segment.range.size();
    job_.begin_step("walking malloc's heaps", bytes);
    std::vector<WalkOutput> outputs(plans_.plans.size());
    const auto one = [&](std::size_t i, unsigned) {
      const SegmentPlan& plan = plans_.plans[i];
      const Arena& arena = heap_.arenas[plan.segment.arena];
      WalkInput input;
      input.range = plan.segment.range;
      input.first_chunk = plan.first_chunk;
      if (plan.segment.range.contains(arena.top)) input.top = arena.top;
      input.arena = plan.segment.arena;
      input.is_heap = plan.segment.is_heap_info;
      input.open_end = plan.open_end;
      input.entries = entries_;
      if (caches_.layout != nullptr) {
        input.remember_from = caches_.layout->chunk_size();
        input.remember_to = caches_.layout->chunk_size() + 32;
      } else if (tcache_possible()) {
        input.remember_from = tcache_layouts().front().chunk_size();
        input.remember_to = tcache_layouts().back().chunk_size() + 32;
      }
      outputs[i] = walk_segment(image_.space, input);
      job_.advance(plan.segment.range.size());
    };
    if (auto done = parallel_for(plans_.plans.size(), job_, one); !done) return done;
    collect(outputs);
    return {};
  }

  bool tcache_possible() const {
    return std::any_of(tcache_layouts().begin(), tcache_layouts().end(), [&](const auto& layout) {
      return may_hold_tcache(ring_, nullptr, layout.chunk_size());
    });
  }

  void collect(std::vector<WalkOutput>& outputs) {
    std::size_t chunks = 0;
    for (const WalkOutput& out : outputs) chunks += out.chunks.size();
    if (outputs.size() > 1) heap_.chunks.reserve(chunks + 64);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      WalkOutput& out = outputs[i];
      Segment segment = plans_.plans[i].segment;
      if (plans_.plans[i].open_end) segment.range.end = out.end;
      heap_.segments.push_back(segment);
      append(heap_.chunks, std::move(out.chunks));
      out.chunks = {};
      append(heap_.overhead, std::move(out.overhead));
      append(remembered_, std::move(out.remembered));
      for (Finding& finding : out.findings) note(heap_.findings, std::move(finding));
      half_linked_ += out.unlisted_free + out.listed_in_use;
    }
    bool locked = false;
    for (const Arena& arena : heap_.arenas) locked = locked || arena.locked;
    std::uint64_t listed = 0;
    for (const Arena& arena : heap_.arenas) {
      for (const BinStats& bin : arena.bins) listed += bin.count;
    }
    heap_.evidence.push_back(
        {"bins",
         half_linked_ == 0
             ? fmt::format("{} chunks in bins, the same ones that the chunks' flags call free",
                           listed)
             : fmt::format("{} chunks in bins, {} differ from the flags{}", listed, half_linked_,
                           locked ? " (an arena was locked)" : ""),
         half_linked_ == 0 ? Evidence::Strength::certain : Evidence::Strength::probable});
  }

  Chunk* chunk_at(Address a) {
    const auto it = std::lower_bound(
        heap_.chunks.begin(), heap_.chunks.end(), a,
        [](const Chunk& chunk, Address address) { return chunk.address < address; });
    return it != heap_.chunks.end() && it->address == a ? &*it : nullptr;
  }

  // After the walk: structs of the right size that hold a cache and belong to no thread of the
  // image.
  void adopt_caches_of_dead_threads() {
    const std::size_t of_threads = caches_.tcaches.size();
    const std::size_t before = caches_.entries.size();
    for (const Address address : remembered_) {
      const Chunk* chunk = chunk_at(address);
      if (chunk == nullptr || chunk->state != ChunkState::used) continue;
      if (!may_hold_tcache(ring_, caches_.layout, chunk->size)) continue;
      // While threads are left whose slot could not be read, it may well be theirs.
      const bool maybe_alive = caches_.threads_unreadable > 0 || image_.threads.empty();
      adopt_tcache_chunk(*search_, address, chunk->size,
                         maybe_alive ? ChunkState::tcache : ChunkState::tcache_orphan, caches_);
    }
    std::size_t missed = 0;
    for (std::size_t i = before; i < caches_.entries.size(); ++i) {
      const FreeEntry& entry = caches_.entries[i];
      Chunk* chunk = chunk_at(entry.chunk);
      if (chunk == nullptr || chunk->state != ChunkState::used) {
        ++missed;
        continue;
      }
      chunk->state = entry.state;
      chunk->thread = entry.thread;
    }
    const std::size_t more = caches_.tcaches.size() - of_threads;
    if (more > 0) {
      caches_.evidence.push_back(
          {"tcache",
           fmt::format(
               "{} more by structure: caches of threads that are gone{}", more,
               caches_.threads_unreadable > 0 ? " or whose thread-local storage is not here" : ""),
           Evidence::Strength::probable});
    }
    if (missed > 0) {
      note(heap_.findings, {Address{}, "cached chunks that the walk did not meet",
                            fmt::format("{} chunks", missed), Severity::warning});
    }
    heap_.tcaches = std::move(caches_.tcaches);
    append(heap_.evidence, std::move(caches_.evidence));
    append(heap_.findings, std::move(caches_.findings));
  }

  void total_up() {
    for (const Chunk& chunk : heap_.chunks) {
      Arena& arena = heap_.arenas[chunk.arena];
      switch (chunk.state) {
        case ChunkState::used:
          ++arena.used_count;
          arena.used_bytes += chunk.size;
          break;
        case ChunkState::bin:
          ++arena.bin_count;
          arena.bin_bytes += chunk.size;
          break;
        case ChunkState::fastbin:
          ++arena.fastbin_count;
          arena.fastbin_bytes += chunk.size;
          break;
        case ChunkState::tcache:
        case ChunkState::tcache_orphan:
          ++arena.tcache_count;
          arena.tcache_bytes += chunk.size;
          break;
        case ChunkState::fencepost:
          arena.overhead_bytes += chunk.size;
          break;
        case ChunkState::top:
        case ChunkState::unknown:
          break;
      }
    }
    for (const Overhead& overhead : heap_.overhead) {
      if (overhead.what == Overhead::What::unused_tail ||
          overhead.what == Overhead::What::reserved) {
        continue;  // not part of system_mem
      }
      heap_.arenas[overhead.arena].overhead_bytes += overhead.range.size();
    }
    std::sort(heap_.overhead.begin(), heap_.overhead.end(),
              [](const Overhead& a, const Overhead& b) { return a.range < b.range; });
    describe();
  }

  void describe() {
    LayoutChoice& choice = heap_.layout;
    choice.has_fastbins = ring_.layout->fastbins;
    choice.has_tcache = caches_.layout != nullptr;
    choice.safe_linking = caches_.safe_linking.value_or(ring_.layout->bins != 104);
    choice.heap_max_size = ring_.heap_max;
    choice.system_bytes_offset =
        static_cast<std::uint32_t>(ring_.layout->bins + ring_.layout->system_mem());
    choice.next_offset = static_cast<std::uint32_t>(ring_.layout->bins + ArenaLayout::kNext);
    const MmappedRule& rule = ring_.layout->fastbins ? kMmappedWithFoot : kMmappedWithoutFoot;
    choice.mmapped_overhead = rule.overhead;
    choice.description = fmt::format(
        "{}; {}; {}{}", ring_.layout->name,
        caches_.layout != nullptr ? caches_.layout->name : std::string_view("no tcache in use"),
        choice.safe_linking ? "safe-linking" : "plain links",
        ring_.heap_max != kDefaultHeapMax ? fmt::format("; heaps of {} MiB", ring_.heap_max >> 20)
                                          : std::string());
    heap_.evidence.push_back({"layout", choice.description, Evidence::Strength::certain});
  }

  const Image& image_;
  const image::Symbols& symbols_;
  const std::vector<AddressRange>& exclude_;
  JobControl& job_;
  ArenaRing ring_;
  MainArenaFacts facts_;
  SegmentPlans plans_;
  std::vector<FreeEntry> entries_;
  std::optional<Ownership> ownership_;
  std::optional<TcacheSearch> search_;
  FoundTcaches caches_;
  std::vector<Address> remembered_;
  std::uint64_t half_linked_ = 0;
  MallocHeap heap_;
};

// Merges mmapped chunks in and labels what lies around them. `cached`: chunks on tcache lists,
// sorted; from 2.43 on a mmapped one can be among them when tcache_max is above the mmap threshold.
void add_mmapped(MallocHeap& heap, const std::vector<MmappedChunk>& mmapped,
                 const std::vector<FreeEntry>& cached) {
  const std::size_t middle = heap.chunks.size();
  for (const MmappedChunk& m : mmapped) {
    Chunk chunk;
    chunk.address = m.chunk;
    chunk.size = m.size;
    chunk.mmapped = true;
    const auto entry =
        std::lower_bound(cached.begin(), cached.end(), FreeEntry{m.chunk, 0, {}, false, 0, 0});
    if (entry != cached.end() && entry->chunk == m.chunk) {
      chunk.state = entry->state;
      chunk.thread = entry->thread;
    }
    heap.chunks.push_back(chunk);
    ++heap.mmapped_count;
    heap.mmapped_bytes += m.mapping.size();
    const auto what = Overhead::What::mmap_header;
    if (m.chunk > m.mapping.begin) heap.overhead.push_back({{m.mapping.begin, m.chunk}, what, 0});
    if (m.chunk + m.size < m.mapping.end) {
      heap.overhead.push_back({{m.chunk + m.size, m.mapping.end}, what, 0});
    }
  }
  std::inplace_merge(heap.chunks.begin(), heap.chunks.begin() + static_cast<std::ptrdiff_t>(middle),
                     heap.chunks.end(),
                     [](const Chunk& a, const Chunk& b) { return a.address < b.address; });
  std::sort(heap.overhead.begin(), heap.overhead.end(),
            [](const Overhead& a, const Overhead& b) { return a.range < b.range; });
}

// A mmapped chunk does not say whose it is. With several libcs it goes to the first one that counts
// any.
void find_mmapped(const Image& image, const std::vector<AddressRange>& exclude,
                  std::vector<AddressRange> taken, std::vector<FreeEntry> cached,
                  std::vector<MallocHeap>& heaps) {
  MallocHeap* owner = &heaps.front();
  MallocParameters totals = owner->parameters;
  for (MallocHeap& heap : heaps) {
    if (&heap == &heaps.front()) continue;
    totals.n_mmaps += heap.parameters.n_mmaps;
    totals.mmapped_bytes += heap.parameters.mmapped_bytes;
    if (owner->parameters.n_mmaps == 0 && heap.parameters.n_mmaps > 0) owner = &heap;
  }
  taken.insert(taken.end(), exclude.begin(), exclude.end());
  const std::vector<AddressRange> memory =
      without(without(anonymous_memory(image), thread_stacks(image)), normalised(taken));
  const MmappedRule& rule = owner->layout.mmapped_overhead == kMmappedWithFoot.overhead
                                ? kMmappedWithFoot
                                : kMmappedWithoutFoot;
  auto candidates = mmapped_candidates(image, memory, rule);
  choose_mmapped(totals, rule, candidates, owner->evidence, owner->findings);
  std::sort(cached.begin(), cached.end());
  add_mmapped(*owner, candidates, cached);
}

std::uint64_t system_bytes(const MallocHeap& heap) {
  std::uint64_t sum = heap.mmapped_bytes;
  for (const Arena& arena : heap.arenas) sum += arena.system_bytes;
  return sum;
}

}  // namespace

Result<std::vector<MallocHeap>> find_heaps(const Image& image, const image::Symbols& symbols,
                                           const std::vector<AddressRange>& exclude,
                                           JobControl& job) {
  std::vector<MallocHeap> heaps;
  std::vector<AddressRange> taken;
  std::vector<FreeEntry> cached;
  for (ArenaRing& ring : find_rings(image, symbols, job)) {
    if (job.cancelled()) break;
    Builder builder(image, symbols, exclude, job, std::move(ring));
    auto heap = builder.build();
    if (!heap) return std::unexpected(heap.error());
    append(taken, space_of_arenas(*heap));
    append(cached, builder.take_cached());
    heaps.push_back(std::move(*heap));
  }
  if (job.cancelled()) return fail(ErrorCode::cancelled, image.source, "cancelled");
  if (heaps.empty()) return heaps;
  std::stable_sort(heaps.begin(), heaps.end(), [](const MallocHeap& a, const MallocHeap& b) {
    return system_bytes(a) > system_bytes(b);
  });
  find_mmapped(image, exclude, std::move(taken), std::move(cached), heaps);
  return heaps;
}

}  // namespace coreheap::glibc
