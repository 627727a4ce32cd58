// Builds glibc heaps in memory, in any layout there has been, for what real programs rarely show.
//
// It writes the structures as malloc would leave them, from a list of chunks a segment: headers,
// flags and feet, bins, fastbins, a tcache, heap_infos, mp_, mmapped chunks. A test then pokes what
// it wants broken. Invariant: an unbroken one is consistent to the byte, so that find_heaps has no
// finding.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "heapparse/image/image.h"
#include "heapparse/malloc/layout.h"
#include "heapparse/malloc/malloc_heap.h"

namespace coreheap::glibc {

// What a release puts together.
struct Shape {
  int release;  // 2.release
  std::size_t arena;
  std::size_t parameters;
  std::uint32_t heap_info;
  int tcache;  // row, -1: none
  bool safe_linking;
  MmappedRule mmapped;
};

inline const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all{
      {17, 0, 0, 32, -1, false, kMmappedWithFoot}, {23, 1, 0, 32, -1, false, kMmappedWithFoot},
      {24, 1, 1, 32, -1, false, kMmappedWithFoot}, {26, 1, 2, 32, 0, false, kMmappedWithFoot},
      {27, 2, 2, 32, 0, false, kMmappedWithFoot},  {30, 2, 2, 32, 1, false, kMmappedWithFoot},
      {32, 2, 2, 32, 1, true, kMmappedWithFoot},   {35, 2, 3, 48, 1, true, kMmappedWithFoot},
      {42, 2, 3, 48, 2, true, kMmappedWithFoot},   {43, 3, 4, 48, 2, true, kMmappedWithoutFoot}};
  return all;
}

inline const Shape& shape_of(int release) {
  const Shape* best = &shapes().front();
  for (const Shape& shape : shapes()) {
    if (shape.release <= release) best = &shape;
  }
  return *best;
}

class SyntheticHeap {
 public:
  enum class Kind { used, binned, unsorted, fast, cached, top, end };
  struct Part {
    std::uint64_t size;
    Kind kind;
    Address address{};
  };
  struct Region {
    Address start;
    Address first;
    std::uint64_t bytes;
    std::size_t arena;
    bool is_heap;
    std::vector<Part> parts;
  };

  static constexpr Address kLibc{0x7f0000200000};
  static constexpr Address kTls{0x7f0000300000};
  static constexpr std::uint64_t kHeapBytes = 0x21000;

  // `heap_bytes`: of each heap, the first of the main arena among them.
  explicit SyntheticHeap(const Shape& s, Address brk = {0x555555000000}, Address libc = kLibc,
                         Address tls = kTls, std::uint64_t heap_bytes = kHeapBytes)
      : shape(s),
        arena_layout(arena_layouts()[s.arena]),
        parameter_layout(parameter_layouts()[s.parameters]),
        libc_(libc),
        tls_(tls),
        heap_bytes_(heap_bytes) {
    memory(libc_, 0x4000);
    memory(tls_, 0x2000);
    parameters_ = libc_ + 0x700;
    bins_.push_back(libc_ + 0x1000 + arena_layout.bins);
    const Address base = brk.aligned_down(4096);
    memory(base, heap_bytes_);
    regions.push_back({brk, brk.aligned_up(16), base + heap_bytes_ - brk, 0, false, {}});
    word(tp(), tp().value);  // the control block's pointer to itself
    if (shape.tcache >= 0) {
      add(0, tcache_layouts()[static_cast<std::size_t>(shape.tcache)].chunk_size(), Kind::used);
    }
  }

  Address tp() const { return tls_ + 0x1000; }
  Address bins(std::size_t arena) const { return bins_[arena]; }
  Address arena(std::size_t index) const { return bins_[index] - arena_layout.bins; }
  Address parameters() const { return parameters_; }

  // Regions are numbered in order of creation: 0 is the main arena's.
  std::size_t add_arena(Address heap) {
    bins_.push_back(heap + shape.heap_info + arena_layout.bins);
    return add_heap(heap, bins_.size() - 1, arena_layout.first_chunk(shape.heap_info));
  }
  std::size_t add_heap(Address heap, std::size_t arena, std::uint64_t first = 0) {
    memory(heap, heap_bytes_);
    regions.push_back(
        {heap, heap + (first == 0 ? shape.heap_info : first), heap_bytes_, arena, true, {}});
    return regions.size() - 1;
  }
  // A region of the main arena that is not contiguous with the others.
  std::size_t add_main_region(Address start, std::uint64_t bytes) {
    memory(start, bytes);
    non_contiguous = true;
    regions.push_back({start, start, bytes, 0, false, {}});
    return regions.size() - 1;
  }

  void add(std::size_t region, std::uint64_t size, Kind kind) {
    regions[region].parts.push_back({size, kind});
  }

  // Lengths include everything; `offset`: of the header in the mapping.
  void add_mmapped(Address mapping, std::uint64_t length, std::uint64_t offset) {
    memory(mapping, length);
    const std::uint64_t total = length - shape.mmapped.tail;
    word(mapping + 8, total | kMmapped);  // stays behind, stale, when memalign moves the header
    word(mapping + offset, offset);
    word(mapping + offset + 8, (total - offset) | kMmapped);
    ++n_mmaps;
    mmapped_bytes += length;
  }

  // Writes everything. The last region of an arena holds top, the others end with fenceposts.
  void finish() {
    for (std::size_t r = 0; r < regions.size(); ++r) lay_out(r);
    for (std::size_t a = 0; a < bins_.size(); ++a) write_arena(a);
    if (shape.tcache >= 0) write_tcache();
    write_parameters();
  }

  void word(Address a, std::uint64_t value) {
    std::byte* at = find(a, 8);
    if (at != nullptr) std::memcpy(at, &value, 8);
  }
  void int32(Address a, std::uint32_t value) {
    std::byte* at = find(a, 4);
    if (at != nullptr) std::memcpy(at, &value, 4);
  }
  std::uint64_t word(Address a) {
    std::uint64_t value = 0;
    if (const std::byte* at = find(a, 8)) std::memcpy(&value, at, 8);
    return value;
  }
  void memory(Address start, std::uint64_t bytes) {
    memory_[start.value] = std::make_shared<std::vector<std::byte>>(bytes);
  }
  // The target had it mapped, the image does not hold it.
  void lose(Address start) { lost_.push_back(start); }

  image::Image image() const { return image_of({this}); }

  static image::Image image_of(const std::vector<const SyntheticHeap*>& heaps) {
    image::Image image;
    std::vector<image::Piece> pieces;
    std::vector<AddressRange> mapped;
    for (const SyntheticHeap* heap : heaps) heap->put_into(image, pieces, mapped);
    std::sort(image.mappings.begin(), image.mappings.end(),
              [](const auto& a, const auto& b) { return a.range < b.range; });
    image.space = image::AddressSpace(std::move(pieces), std::move(mapped));
    image.source = "synthetic";
    return image;
  }

  Shape shape;
  const ArenaLayout& arena_layout;
  const ParameterLayout& parameter_layout;
  std::vector<Region> regions;
  bool non_contiguous = false;
  std::uint64_t extra_system_bytes = 0;  // foreign gaps, counted by malloc
  std::uint64_t n_mmaps = 0, mmapped_bytes = 0;
  std::vector<Address> cached;  // chunks in the tcache

 private:
  std::byte* find(Address a, std::uint64_t n) {
    auto it = memory_.upper_bound(a.value);
    if (it == memory_.begin()) return nullptr;
    --it;
    const std::uint64_t at = a.value - it->first;
    return at + n <= it->second->size() ? it->second->data() + at : nullptr;
  }

  void put_into(image::Image& image, std::vector<image::Piece>& pieces,
                std::vector<AddressRange>& mapped) const {
    const auto module = static_cast<std::int32_t>(image.modules.size());
    for (const auto& [start, bytes] : memory_) {
      const AddressRange range{Address{start}, Address{start + bytes->size()}};
      mapped.push_back(range);
      image::Mapping mapping;
      mapping.range = range;
      mapping.readable = mapping.writable = true;
      if (start == libc_.value) {
        mapping.kind = image::MappingKind::file;
        mapping.module = module;
      }
      image.mappings.push_back(mapping);
      bool present = true;
      for (const Address a : lost_) present = present && a.value != start;
      if (!present) continue;
      pieces.push_back({range, bytes->data(), image::ByteSource::core_file});
      image.keep_alive.push_back(bytes);
    }
    image::Module libc;
    libc.path = "libc.so.6";
    libc.data = {{libc_, libc_ + 0x4000}};
    libc.range = libc.data.front();
    image.modules.push_back(libc);
    image::Thread thread;
    thread.tid = 100 + static_cast<std::uint64_t>(module);
    thread.thread_pointer = tp().value;
    image.threads.push_back(thread);
  }

  bool last_of_arena(std::size_t r) const {
    for (std::size_t i = r + 1; i < regions.size(); ++i) {
      if (regions[i].arena == regions[r].arena) return false;
    }
    return true;
  }

  void lay_out(std::size_t r) {
    Region& region = regions[r];
    const bool main = region.arena == 0;
    const Address end = region.start + region.bytes;
    Address p = region.first;
    bool previous_free = false;
    const auto put = [&](std::uint64_t size, Kind kind) {
      const bool bin = kind == Kind::binned || kind == Kind::unsorted;
      const std::uint64_t arena_flag =
          main || bin || kind == Kind::top || kind == Kind::end ? 0 : kNonMainArena;
      word(p + 8, size | arena_flag | (previous_free ? 0 : kPrevInUse));
      if (bin) word(p + size, size);
      previous_free = bin;
      p = p + size;
    };
    for (Part& part : region.parts) {
      part.address = p;
      put(part.size, part.kind);
    }
    if (last_of_arena(r)) {
      tops_[region.arena] = p;
      put(end - p, Kind::top);
      return;
    }
    // The rest up to the fenceposts is one used chunk, which nobody counts.
    if (end - p > 32) {
      region.parts.push_back({end - p - 32, Kind::used, p});
      put(end - p - 32, Kind::used);
    }
    put(16, Kind::end);
    word(p + 8, region.is_heap ? kPrevInUse : 16 | kPrevInUse);
  }

  void write_arena(std::size_t a) {
    const Address bins = bins_[a];
    std::map<unsigned, std::vector<Address>> lists;
    std::map<unsigned, std::vector<Address>> fast;
    std::uint64_t system = a == 0 ? extra_system_bytes : 0;
    Address previous_heap{};
    for (const Region& region : regions) {
      if (region.arena != a) continue;
      system += region.bytes;
      for (const Part& part : region.parts) {
        if (part.kind == Kind::unsorted) lists[1].push_back(part.address);
        if (part.kind == Kind::binned) lists[bin_index(part.size)].push_back(part.address);
        if (part.kind == Kind::fast) {
          fast[static_cast<unsigned>((part.size - 32) / 16)].push_back(part.address);
        }
      }
      if (!region.is_heap) continue;
      word(region.start + HeapInfoLayout::kArena, arena(a).value);
      word(region.start + HeapInfoLayout::kPrevious, previous_heap.value);
      word(region.start + HeapInfoLayout::kSize, region.bytes);
      word(region.start + HeapInfoLayout::kMprotectSize, region.bytes);
      previous_heap = region.start;
    }
    for (unsigned bin = 1; bin <= kBins; ++bin) {
      const Address head = bins + 16 * (bin - 1) - 16;
      Address last = head;
      for (const Address chunk : lists[bin]) {
        word(last + 16, chunk.value);
        word(chunk + 24, last.value);
        last = chunk;
      }
      word(last + 16, head.value);
      word(head + 24, last.value);
    }
    if (arena_layout.fastbins) {
      for (const auto& [k, chunks] : fast) {
        Address next{};
        for (const Address chunk : chunks) {
          word(chunk + 16, link(chunk + 16, next));
          next = chunk;
        }
        word(bins - 96 + 8 * k, next.value);
      }
    }
    int32(arena(a) + 4, a != 0 || non_contiguous ? kNonContiguous : 0);
    word(bins - 16, tops_[a].value);
    // Newest first, as malloc links them.
    const std::size_t next = a == 0 ? bins_.size() - 1 : a - 1;
    word(bins + ArenaLayout::kNext, arena(next).value);
    if (arena_layout.attached_threads) word(bins + ArenaLayout::kAttached, 1);
    word(bins + arena_layout.system_mem(), system);
    word(bins + arena_layout.max_system_mem(), system);
  }

  std::uint64_t link(Address field, Address to) const {
    return shape.safe_linking ? to.value ^ (field.value >> 12) : to.value;
  }

  void write_tcache() {
    const TcacheLayout& layout = tcache_layouts()[static_cast<std::size_t>(shape.tcache)];
    const Address user = regions[0].parts.front().address + 16;
    std::map<std::uint32_t, std::vector<Address>> lists;
    for (const Region& region : regions) {
      for (const Part& part : region.parts) {
        if (part.kind != Kind::cached) continue;
        lists[static_cast<std::uint32_t>((part.size - 32) / 16)].push_back(part.address);
        cached.push_back(part.address);
      }
    }
    std::vector<std::byte> counts(layout.count_bytes * layout.bins);
    for (std::uint32_t bin = 0; bin < layout.bins; ++bin) {
      std::uint64_t count = lists[bin].size();
      if (layout.counts_down) count = tcache_count() - count;
      std::memcpy(counts.data() + layout.count_bytes * bin, &count, layout.count_bytes);
      Address next{};
      for (const Address chunk : lists[bin]) {
        word(chunk + 16, link(chunk + 16, next));
        next = chunk + 16;
      }
      word(user + layout.entries + 8 * bin, next.value);
    }
    if (std::byte* at = find(user, counts.size())) {
      std::memcpy(at, counts.data(), counts.size());
    }
    word(tp() - 72, user.value);
    word(tp() - 64, arena(0).value);
  }

  std::uint64_t tcache_count() const { return shape.release >= 43 ? 16 : 7; }

  void write_parameters() {
    const ParameterLayout& p = parameter_layout;
    word(parameters_ + 0, 131072);
    word(parameters_ + 8, 131072);
    word(parameters_ + 16, 131072);
    word(parameters_ + 24, 8);
    int32(parameters_ + p.n_mmaps, static_cast<std::uint32_t>(n_mmaps));
    int32(parameters_ + p.n_mmaps + 4, 65536);
    int32(parameters_ + p.n_mmaps + 8, static_cast<std::uint32_t>(n_mmaps));
    word(parameters_ + p.mmapped_mem, mmapped_bytes);
    word(parameters_ + p.mmapped_mem + 8, mmapped_bytes);
    word(parameters_ + p.sbrk_base, regions[0].start.value);
    if (p.tcache_bins != 0) {
      word(parameters_ + p.tcache_bins, 64);
      word(parameters_ + p.tcache_bins + 8, shape.release >= 43 ? 1041 : 1032);
      word(parameters_ + p.tcache_bins + 16, tcache_count());
    }
  }

  Address libc_, tls_, parameters_;
  std::uint64_t heap_bytes_;
  std::vector<Address> bins_;
  std::map<std::size_t, Address> tops_;
  std::map<std::uint64_t, std::shared_ptr<std::vector<std::byte>>> memory_;
  std::vector<Address> lost_;
};

}  // namespace coreheap::glibc
