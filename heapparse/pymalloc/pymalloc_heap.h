// pymalloc as found in an image: arenas, pools, blocks.
//
// Found without symbols by the shape of pool headers (every carved pool of a process is one of the
// few positions where a dozen relations hold), then confirmed by the arena_object array. Terms are
// obmalloc's: an *arena* (mmapped) is cut into *pools*, a pool into *blocks* of one *size class*.
//
// Invariants: pools are sorted by address and lie inside arenas; in each sound pool the number of
// blocks not on the free list equals the header's own count.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "heapparse/base/address.h"
#include "heapparse/base/error.h"
#include "heapparse/base/finding.h"
#include "heapparse/base/parallel.h"
#include "heapparse/image/image.h"
#include "heapparse/image/symbols.h"

namespace coreheap::pymalloc {

// Sizes that builds may differ in, read from the heap itself.
struct Geometry {
  std::uint32_t alignment = 16;         // 8 before 2.7.17/3.7/3.8, 16 since
  std::uint32_t pool_bytes = 16384;     // 4096 up to 3.9
  std::uint64_t arena_bytes = 1 << 20;  // 256 KiB up to 3.9; 2 MiB with huge pages (3.15)
  static constexpr std::uint32_t kPoolHeaderBytes = 48;
  std::uint32_t block_bytes(std::uint32_t size_class) const { return (size_class + 1) * alignment; }
};

struct Pool {
  Address address;
  std::uint32_t live = 0;  // ref.count of the header
  std::uint16_t size_class = 0;
  std::uint32_t arena = 0;       // index into PymallocHeap::arenas
  std::uint32_t carved = 0;      // blocks ever handed out: those behind are virgin
  std::uint32_t arena_slot = 0;  // header's arenaindex
  bool sound = true;             // free list and count agree
};

struct Arena {
  AddressRange range;
  std::optional<std::uint32_t> slot;  // index in its arena_object array, if that was found
  std::uint32_t array = 0;            // which array (isolated subinterpreters have their own)
  std::uint32_t pools_total = 0;  // usable pools: one is lost when the arena is not pool-aligned
  std::uint32_t pools_used = 0;   // with live blocks
  std::uint32_t pools_free = 0;   // carved before, empty now; and never carved
  std::uint64_t live_blocks = 0;
  std::uint64_t live_bytes = 0;
  std::uint32_t first_pool = 0;     // index into pools
  std::uint32_t pool_count = 0;     // pools in there: those with live blocks
  std::uint32_t pools_carved = 0;   // pools with a header, live or empty
  std::uint32_t pools_damaged = 0;  // carved by the arena's word, and the header makes no sense
  std::uint32_t pools_missing = 0;  // carved, and their header is not in the image
  Address carved_end;               // pools from here on were never used
  bool deduced = false;  // in no arena array: range and totals follow from where pools lie
};

struct PymallocHeap {
  Geometry geometry;
  std::vector<Arena> arenas;           // sorted by address
  std::vector<Pool> pools;             // sorted by address; only pools with live > 0
  std::vector<Address> damaged_pools;  // sorted: no label but "damaged" fits their bytes
  std::vector<Address> arena_arrays;   // the arena_object arrays
  std::vector<Address> array_anchors;  // of each array the word that points to it
  std::uint64_t live_blocks = 0;
  std::uint64_t live_bytes = 0;
  std::vector<Evidence> evidence;
  Findings findings;
};

// One bit a block: is block k of the pool live? Rebuilt on demand from the pool's free list.
class LiveBlocks {
 public:
  static constexpr std::uint32_t kMaxBlocks = 4096;
  // False when the free list leaves the pool, loops, or its length disagrees with the header; the
  // bits then hold what could be followed.
  bool load(std::span<const std::byte> pool_bytes, const Pool& pool, const Geometry& geometry);
  bool live(std::uint32_t block) const { return (bits_[block >> 6] >> (block & 63)) & 1; }

  // What the last load() came upon, and the pointer that it could not follow.
  enum class Flaw : std::uint8_t { none, not_in_image, leaves_pool, between_blocks, loops, count };
  Flaw flaw() const { return flaw_; }
  Address flaw_at() const { return flaw_at_; }
  std::uint32_t live_count() const { return live_count_; }

 private:
  Flaw flaw_ = Flaw::none;
  Address flaw_at_;
  std::uint32_t live_count_ = 0;
  std::uint64_t bits_[kMaxBlocks / 64] = {};
};

// The bytes of a pool from its start on as far as the image holds them: a span of the image, or of
// `scratch` when the pool lies across two pieces.
std::span<const std::byte> bytes_of_pool(image::Reader& reader, Address pool,
                                         const Geometry& geometry, std::vector<std::byte>& scratch);

// nullopt-like: an empty heap (no arenas) when the process has no pymalloc.
Result<PymallocHeap> find_heap(const image::Image& image, const image::Symbols& symbols,
                               JobControl& job);

}  // namespace coreheap::pymalloc
