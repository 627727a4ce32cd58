// The layouts that glibc's malloc structures have had, as rows of tables.
//
// Distributions backport, so a version number decides nothing: a row is chosen because the
// structure in the image fits it. The version in a row's comment says which upstream change made
// the row necessary. This is the only file of the folder where glibc versions decide anything.
//
// All offsets behind `bins` have never moved relative to bins[0], which is what makes finding an
// arena without symbols easy: everything is expressed from there. LP64; the same on x86-64 and
// aarch64.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "heapparse/base/address.h"

namespace coreheap::glibc {

inline constexpr std::uint64_t kAlignment = 16;
inline constexpr std::uint64_t kMinChunk = 32;
inline constexpr std::uint64_t kHeaderBytes = 16;

// Low bits of a chunk's size word.
inline constexpr std::uint64_t kPrevInUse = 1;
inline constexpr std::uint64_t kMmapped = 2;
inline constexpr std::uint64_t kNonMainArena = 4;
inline constexpr std::uint64_t kFlagBits = 7;

// malloc_state.flags: bit 1 has meant "non-contiguous" in every version.
inline constexpr std::uint32_t kNonContiguous = 2;

inline constexpr unsigned kBins = 127;     // bins 1..127, pairs fd, bk
inline constexpr unsigned kFastbins = 10;  // chunks of 32 + 16 k
inline constexpr std::uint64_t kDefaultHeapMax = 64ULL << 20;

struct ArenaLayout {
  std::string_view name;
  std::uint32_t bins;     // offset of bins[0] in malloc_state
  bool fastbins;          // fastbinsY[10] at bins - 96
  bool attached_threads;  // a word between next_free and system_mem
  std::uint32_t size;     // of malloc_state

  static constexpr std::int64_t kFastbinsY = -96;
  static constexpr std::int64_t kTop = -16;
  static constexpr std::uint64_t kBinmap = 2032;
  static constexpr std::uint64_t kNext = 2048;
  static constexpr std::uint64_t kAttached = 2064;
  constexpr std::uint64_t system_mem() const { return attached_threads ? 2072 : 2064; }
  constexpr std::uint64_t max_system_mem() const { return system_mem() + 8; }

  // Of the first chunk from the start of a heap that begins with this arena: behind malloc_state,
  // moved so that the pointer handed out is aligned.
  constexpr std::uint64_t first_chunk(std::uint32_t heap_info_bytes) const {
    return (heap_info_bytes + size + kAlignment - 1) & ~(kAlignment - 1);
  }
};

// The rows, oldest first.
std::span<const ArenaLayout> arena_layouts();

// heap_info: ar_ptr 0, prev 8, size 16, mprotect_size 24, from 2.35 on pagesize 32. Its size is
// seen in the low bits of every arena that lives in a heap.
struct HeapInfoLayout {
  static constexpr std::uint64_t kArena = 0;
  static constexpr std::uint64_t kPrevious = 8;
  static constexpr std::uint64_t kSize = 16;
  static constexpr std::uint64_t kMprotectSize = 24;
};
inline constexpr std::uint32_t kSmallHeapInfo = 32;  // up to 2.34
inline constexpr std::uint32_t kLargeHeapInfo = 48;  // 2.35: pagesize for huge pages

// malloc_par, the variable mp_.
struct ParameterLayout {
  std::string_view name;
  std::uint32_t hp_page_size;  // behind thp_pagesize; 0: no such fields
  std::uint32_t n_mmaps;       // int; followed by n_mmaps_max, max_n_mmaps, no_dyn_threshold
  std::uint32_t mmapped_mem;   // followed by max_mmapped_mem
  std::uint32_t sbrk_base;
  std::uint32_t tcache_bins;      // 0: no tcache; followed by tcache_max_bytes, tcache_count
  std::uint32_t size;             // bytes up to the last field that is read
  std::uint32_t heap_info_bytes;  // goes with heaps of this kind
  bool fastbins;                  // goes with arenas that have them
  bool attached_threads;  // goes only with arenas that have (true) or may have (false) the word

  static constexpr std::uint32_t kTrimThreshold = 0;
  static constexpr std::uint32_t kTopPad = 8;
  static constexpr std::uint32_t kMmapThreshold = 16;
  static constexpr std::uint32_t kArenaTest = 24;
  static constexpr std::uint32_t kArenaMax = 32;
};
std::span<const ParameterLayout> parameter_layouts();

struct TcacheLayout {
  std::string_view name;
  std::uint32_t count_bytes;  // width of an element of counts
  std::uint32_t bins;
  std::uint32_t entries;  // offset of entries[0]
  std::uint32_t size;     // of the struct
  bool counts_down;       // num_slots: free slots left, not chunks held

  // Of the struct's own chunk. An unsplittable remainder, or rounding twice, makes it 16 or 32
  // larger.
  constexpr std::uint64_t chunk_size() const {
    return (size + 8 + kAlignment - 1) & ~(kAlignment - 1);
  }
  constexpr bool fits_chunk(std::uint64_t chunk) const {
    return chunk == chunk_size() || chunk == chunk_size() + 16 || chunk == chunk_size() + 32;
  }
};
inline constexpr std::uint32_t kSmallTcacheBins = 64;
std::span<const TcacheLayout> tcache_layouts();

// Chunk sizes that tcache bin `index` may hold: [first, last].
struct TcacheBinSizes {
  std::uint64_t first;
  std::uint64_t last;
};
constexpr TcacheBinSizes tcache_bin_sizes(std::uint32_t index) {
  if (index < kSmallTcacheBins) return {32 + 16ULL * index, 32 + 16ULL * index};
  // 2.42: twelve more bins, one a power of two, used only with a raised tcache_max.
  const std::uint64_t first = 1ULL << (10 + index - kSmallTcacheBins);
  return {first, 2 * first - 1};
}

// How a chunk of its own mapping is laid out.
struct MmappedRule {
  std::uint32_t overhead;     // usable = size - overhead
  std::uint32_t tail;         // mapping length = offset + size + tail
  std::uint64_t offset_mask;  // of prev_size, which holds the header's offset in the mapping
};
inline constexpr MmappedRule kMmappedWithFoot{16, 0, ~0ULL};
// 2.43: the unused foot is part of the accounting, bit 0 of prev_size says "mapped with huge
// pages".
inline constexpr MmappedRule kMmappedWithoutFoot{8, 16, ~1ULL};

// The bin (2..126) for a free chunk of `size` bytes; large ones by glibc's spacing.
constexpr unsigned bin_index(std::uint64_t size) {
  if (size < 1024) return static_cast<unsigned>(size >> 4);
  if ((size >> 6) <= 48) return static_cast<unsigned>(48 + (size >> 6));
  if ((size >> 9) <= 20) return static_cast<unsigned>(91 + (size >> 9));
  if ((size >> 12) <= 10) return static_cast<unsigned>(110 + (size >> 12));
  if ((size >> 15) <= 4) return static_cast<unsigned>(119 + (size >> 15));
  if ((size >> 18) <= 2) return static_cast<unsigned>(124 + (size >> 18));
  return 126;
}

}  // namespace coreheap::glibc
