// A heap as obmalloc would leave it, written by hand: arenas, pools with rings and free lists, the
// arena array and usedpools, in an Image made of a few regions. Tests then damage single words of
// it.
#pragma once

#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <ranges>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "heapparse/image/image.h"
#include "heapparse/pymalloc/pymalloc_heap.h"

namespace coreheap::pymalloc::synthetic {

inline constexpr Address kData{0x555500100000};   // writable data of the module
inline constexpr Address kArray{0x555501000010};  // arena_object array, on the C heap
inline constexpr Address kArenas{0x7f4400000000};

struct SyntheticPool {
  Address address;
  std::uint32_t slot = 0;
  std::uint32_t size_class = 0;
  std::uint32_t carved = 0;
  std::vector<std::uint32_t> freed;  // in the order of freeing
};

class SyntheticHeap {
 public:
  explicit SyntheticHeap(Geometry geometry) : geometry_(geometry) {
    add_region(kData, 0x4000, image::MappingKind::file);
    add_region(kArray.aligned_down(4096), 0x8000, image::MappingKind::anonymous);
  }

  const Geometry& geometry() const { return geometry_; }
  std::uint32_t classes() const { return 512 / geometry_.alignment; }
  std::uint32_t capacity(std::uint32_t size_class) const {
    return (geometry_.pool_bytes - 48) / geometry_.block_bytes(size_class);
  }

  void add_region(Address begin, std::uint64_t size, image::MappingKind kind) {
    regions_[begin] = {std::vector<std::byte>(size), kind};
  }

  // An arena of its own mapping, or, when `region` says so, in one that add_region made.
  void add_arena(std::uint32_t slot, Address base, bool own_region = true) {
    if (own_region) add_region(base, geometry_.arena_bytes, image::MappingKind::anonymous);
    arenas_[slot] = base;
    carved_end_[slot] = base.aligned_up(geometry_.pool_bytes);
  }

  // The next pool of the arena. `carved` blocks were handed out, `freed` given back.
  Address add_pool(std::uint32_t slot, std::uint32_t size_class, std::uint32_t carved,
                   std::vector<std::uint32_t> freed = {}) {
    const Address at = carved_end_.at(slot);
    carved_end_[slot] += geometry_.pool_bytes;
    pools_.push_back({at, slot, size_class, carved, std::move(freed)});
    return at;
  }

  Address block(Address pool, std::uint32_t size_class, std::uint32_t k) const {
    return pool + 48 + std::uint64_t{k} * geometry_.block_bytes(size_class);
  }

  // Writes everything; where the word `arenas` and usedpools lie is the caller's choice.
  void finish(Address anchor = kData + 0x1800, Address used_pools = kData + 0x1000,
              Address array = kArray) {
    write(anchor, array.value);
    for (std::uint32_t i = 0; i < classes(); ++i) {
      const Address head = used_pools + 16 * i - 16;
      write(head + 16, head.value);
      write(head + 24, head.value);
    }
    std::map<std::uint32_t, std::uint32_t> used;
    for (const SyntheticPool& pool : pools_) {
      write_pool(pool, used_pools);
      if (pool.carved > pool.freed.size()) ++used[pool.slot];
    }
    std::uint32_t slots = 16;
    while (!arenas_.empty() && slots <= arenas_.rbegin()->first) slots *= 2;
    for (std::uint32_t slot = 0; slot < slots; ++slot) {
      const Address object = array + std::uint64_t{48} * slot;
      if (!arenas_.contains(slot)) {
        write(object + 24, std::uint64_t{0xfbfbfbfb});  // stale
        std::uint32_t next = slot + 1;
        while (next < slots && arenas_.contains(next)) ++next;
        write(object + 32, next < slots ? (array + std::uint64_t{48} * next).value : 0);
        continue;
      }
      const Address base = arenas_.at(slot);
      const Address first = base.aligned_up(geometry_.pool_bytes);
      const auto total = static_cast<std::uint32_t>(geometry_.arena_bytes / geometry_.pool_bytes -
                                                    (first == base ? 0 : 1));
      write(object, base.value);
      write(object + 8, carved_end_.at(slot).value);
      write(object + 16, total - used[slot]);
      write(object + 20, total);
    }
  }

  template <class T>
  void write(Address a, T value) {
    std::memcpy(at(a, sizeof value), &value, sizeof value);
  }
  template <class T>
  T read(Address a) {
    T value;
    std::memcpy(&value, at(a, sizeof value), sizeof value);
    return value;
  }
  std::span<std::byte> region(Address begin) { return regions_.at(begin).bytes; }
  std::vector<Address> region_starts() const {
    std::vector<Address> starts;
    starts.reserve(regions_.size());
    for (const auto& [begin, region] : regions_) starts.push_back(begin);
    return starts;
  }

  // Bytes in here are mapped, and missing from the image.
  void lose(AddressRange range) { lost_.push_back(range); }
  // As in a core that lists no files.
  void forget_modules() { modules_known_ = false; }

  // What was lost or forgotten is there again.
  void restore() {
    lost_.clear();
    modules_known_ = true;
  }

  image::Image image() const { return made_image(true); }
  // Without a copy of the bytes: shows what is written later too, and may not outlive the heap.
  image::Image image_in_place() const { return made_image(false); }

  std::uint64_t live_blocks() const {
    std::uint64_t sum = 0;
    for (const SyntheticPool& pool : pools_) sum += pool.carved - pool.freed.size();
    return sum;
  }

 private:
  struct Region {
    std::vector<std::byte> bytes;
    image::MappingKind kind = image::MappingKind::anonymous;
  };

  image::Image made_image(bool copied) const {
    image::Image result;
    std::vector<image::Piece> pieces;
    std::vector<AddressRange> mapped;
    for (const auto& [begin, region] : regions_) {
      const AddressRange range{begin, begin + region.bytes.size()};
      const std::byte* bytes = region.bytes.data();
      if (copied) {
        auto copy = std::make_shared<std::vector<std::byte>>(region.bytes);
        bytes = copy->data();
        result.keep_alive.push_back(std::move(copy));
      }
      mapped.push_back(range);
      Address from = begin;
      const auto add = [&](Address to) {
        if (from < to) pieces.push_back({{from, to}, bytes + (from - range.begin)});
      };
      for (const AddressRange& hole : lost_) {
        if (!range.contains(hole.begin)) continue;
        add(hole.begin);
        from = hole.end;
      }
      add(range.end);
      image::Mapping mapping;
      mapping.range = range;
      mapping.readable = mapping.writable = true;
      mapping.kind = region.kind;
      if (region.kind == image::MappingKind::file && modules_known_) {
        mapping.module = static_cast<std::int32_t>(result.modules.size());
        image::Module module;
        module.path = "/usr/lib/libpython3.so";
        module.range = range;
        module.data = {range};
        result.modules.push_back(module);
      }
      result.mappings.push_back(mapping);
    }
    result.space = image::AddressSpace(std::move(pieces), std::move(mapped));
    return result;
  }

  std::byte* at(Address a, std::size_t size) {
    auto above = regions_.upper_bound(a);
    if (above == regions_.begin()) throw std::out_of_range("synthetic address");
    auto& [begin, region] = *std::prev(above);
    if (a - begin + size > region.bytes.size()) throw std::out_of_range("synthetic address");
    return region.bytes.data() + (a - begin);
  }

  void write_pool(const SyntheticPool& pool, Address used_pools) {
    const std::uint32_t block_bytes = geometry_.block_bytes(pool.size_class);
    const auto live = static_cast<std::uint32_t>(pool.carved - pool.freed.size());
    std::uint64_t next = 0;
    for (const std::uint32_t k : pool.freed) {
      const Address freed = block(pool.address, pool.size_class, k);
      write(freed, next);
      next = freed.value;
    }
    write(pool.address, std::uint64_t{live});
    write(pool.address + 8, next);
    write(pool.address + 32, pool.slot);
    write(pool.address + 36, pool.size_class);
    write(pool.address + 40, 48 + pool.carved * block_bytes);
    write(pool.address + 44, geometry_.pool_bytes - block_bytes);
    if (live == 0 || next == 0) return;
    // Into the front of its ring.
    const Address head = used_pools + 16 * pool.size_class - 16;
    const Address first{read<std::uint64_t>(head + 16)};
    write(pool.address + 16, first.value);
    write(pool.address + 24, head.value);
    write(head + 16, pool.address.value);
    write(first + 24, pool.address.value);
  }

  Geometry geometry_;
  std::map<Address, Region> regions_;
  std::map<std::uint32_t, Address> arenas_;
  std::map<std::uint32_t, Address> carved_end_;
  std::vector<SyntheticPool> pools_;
  std::vector<AddressRange> lost_;
  bool modules_known_ = true;
};

// Changes to a heap, undone when this goes; what was lost or forgotten is there again too.
class Changes {
 public:
  explicit Changes(SyntheticHeap& heap) : heap_(heap) {}
  ~Changes() {
    for (const auto& [a, value] : std::views::reverse(before_)) heap_.write(a, value);
    heap_.restore();
  }
  Changes(const Changes&) = delete;
  Changes& operator=(const Changes&) = delete;

  // Eight bytes from `a` on must be the heap's.
  template <class T>
  void write(Address a, T value) {
    before_.emplace_back(a, heap_.read<std::uint64_t>(a));
    heap_.write(a, value);
  }
  SyntheticHeap& heap() { return heap_; }
  const SyntheticHeap& heap() const { return heap_; }

 private:
  SyntheticHeap& heap_;
  std::vector<std::pair<Address, std::uint64_t>> before_;
};

}  // namespace coreheap::pymalloc::synthetic
