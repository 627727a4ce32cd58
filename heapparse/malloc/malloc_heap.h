// glibc's malloc as found in an image: arenas, heap segments, every chunk with its state.
//
// Found without symbols: the layout is never taken from a version (distributions backport) but
// decided by structure; the evidence is kept. Terms are glibc's: an *arena* (malloc_state) owns
// *heap segments* (heap_info, or the sbrk/mmap regions of the main arena), which are cut into
// *chunks*; *top* is the last one; free chunks wait in *bins* or *fastbins*, or in a thread's
// *tcache*.
//
// Invariants: chunks are sorted by address and disjoint; every segment is tiled by its chunks and
// its `overhead` ranges byte for byte, damaged stretches being chunks of state `unknown`.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "heapparse/base/address.h"
#include "heapparse/base/error.h"
#include "heapparse/base/finding.h"
#include "heapparse/base/parallel.h"
#include "heapparse/image/image.h"
#include "heapparse/image/symbols.h"

namespace coreheap::glibc {

enum class ChunkState : std::uint8_t {
  used,           // handed out to the program (as far as the allocator knows)
  bin,            // free, in unsorted, small or large bin
  fastbin,        // free, in a fastbin (up to 2.42)
  tcache,         // free, cached by a living thread
  tcache_orphan,  // free, cached by a thread that is gone (2.26 exits, fork children)
  top,            // the arena's (or a retired segment's) last chunk
  fencepost,      // end mark of a segment
  unknown,        // damaged stretch: header makes no sense, walk resynchronised behind it
};

// 24 bytes. `address` is the chunk's own: the pointer malloc returned is address + 16. `size` is
// glibc's chunk size (flags masked); a used chunk's usable bytes are [address+16, address+8+size),
// for mmapped ones see usable_size().
struct Chunk {
  Address address;
  std::uint64_t size = 0;
  std::uint16_t arena = 0;  // index into MallocHeap::arenas
  ChunkState state = ChunkState::used;
  bool mmapped = false;
  std::uint32_t thread = kNoThread;  // tcache: index into MallocHeap::tcaches

  static constexpr std::uint32_t kNoThread = 0xffffffff;
  Address user() const { return address + 16; }
};

// What the allocator keeps of a segment for itself, and gaps: labelled in the census as ranges.
struct Overhead {
  AddressRange range;
  enum class What : std::uint8_t {
    heap_info,     // heap_info (and malloc_state) at the start of a segment
    alignment,     // first chunk's alignment, tail of a mapping
    foreign_sbrk,  // memory that somebody else took from brk in between
    unused_tail,   // [size, mprotect_size) of a heap segment: readable, not malloc's any more
    reserved,      // PROT_NONE rest of a heap segment
    mmap_header,   // padding in front of a displaced mmapped chunk, and its tail
  } what = What::heap_info;
  std::uint16_t arena = 0;
};

struct Segment {
  AddressRange range;    // [start, start+size) that belongs to the arena
  Address mprotect_end;  // end of the readable part (main arena: range.end)
  std::uint16_t arena = 0;
  bool is_heap_info = false;  // false: sbrk or mmap region of the main arena
};

struct BinStats {
  std::uint32_t bin = 0;  // 1 unsorted, 2..63 small, 64..126 large
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  std::uint64_t min_size = 0;
  std::uint64_t max_size = 0;
};

struct Arena {
  Address address;
  bool is_main = false;
  bool non_contiguous = false;
  bool locked = false;  // mutex held: at most one chunk may be half linked
  std::uint64_t attached_threads = 0;
  std::uint64_t system_bytes = 0;      // system_mem
  std::uint64_t max_system_bytes = 0;  // max_system_mem
  std::uint64_t mprotect_bytes = 0;    // malloc_info's aspace mprotect
  std::uint32_t segments = 0;
  Address top;
  std::uint64_t top_bytes = 0;
  std::uint64_t bin_count = 0, bin_bytes = 0;
  std::uint64_t fastbin_count = 0, fastbin_bytes = 0;
  std::uint64_t tcache_count = 0, tcache_bytes = 0;
  std::uint64_t used_count = 0, used_bytes = 0;    // handed out, without tcache
  std::uint64_t overhead_bytes = 0;                // headers of segments, fenceposts, gaps
  std::vector<BinStats> bins;                      // non-empty ones
  std::array<std::uint64_t, 10> fastbin_counts{};  // by index k: chunks of 32+16k bytes
};

struct Tcache {
  Address address;                   // the struct (user pointer of its chunk)
  std::optional<std::uint64_t> tid;  // owner; absent for a dead thread's
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  struct Bin {
    std::uint32_t index = 0;
    std::uint64_t chunk_size = 0;  // smallest chunk of the bin
    std::uint64_t count = 0;
  };
  std::vector<Bin> bins;  // non-empty ones
};

// mp_, as far as it was found; absent fields are zero and `found` false.
struct MallocParameters {
  bool found = false;
  Address address;
  std::uint64_t trim_threshold = 0;
  std::uint64_t top_pad = 0;
  std::uint64_t mmap_threshold = 0;
  std::uint64_t arena_test = 0;
  std::uint64_t arena_max = 0;
  std::uint64_t n_mmaps = 0;
  std::uint64_t n_mmaps_max = 0;
  std::uint64_t max_n_mmaps = 0;
  bool no_dyn_threshold = false;
  std::uint64_t mmapped_bytes = 0;
  Address mmapped_bytes_at;  // where that word is
  std::uint64_t max_mmapped_bytes = 0;
  Address sbrk_base;
  std::uint64_t tcache_bins = 0;
  std::uint64_t tcache_max_bytes = 0;
  std::uint64_t tcache_count = 0;
  std::uint64_t huge_page_size = 0;
  std::uint64_t thp_page_size = 0;  // what brk grows and shrinks by, where it is not 0
};

// Which of the structural classes of malloc_state, mp_, heap_info, tcache and mmapped chunks holds.
// Names say what differs; no glibc version appears outside layout tables.
struct LayoutChoice {
  std::string
      description;  // "no fastbins, counted-down tcache of 76 bins, safe-linking" for `heap info`
  bool has_fastbins = true;
  bool has_tcache = true;
  bool safe_linking = true;
  std::uint32_t mmapped_overhead = 16;  // usable = size - this (8 from 2.43 on)
  std::uint64_t heap_max_size = 64ULL << 20;
  // Of malloc_state's system_mem and next, for whoever reads them again; 0: not known.
  std::uint32_t system_bytes_offset = 0;
  std::uint32_t next_offset = 0;
};

// One allocator: a process may hold several libcs (dlmopen, static plugin, debug malloc).
struct MallocHeap {
  std::int32_t module = -1;  // the libc; index into Image::modules
  LayoutChoice layout;
  MallocParameters parameters;
  std::vector<Arena> arenas;       // main first, then ring order (malloc_info's order)
  std::vector<Segment> segments;   // sorted by address
  std::vector<Overhead> overhead;  // sorted by address
  std::vector<Tcache> tcaches;
  std::vector<Chunk> chunks;  // sorted by address; mmapped ones included
  std::uint64_t mmapped_count = 0;
  std::uint64_t mmapped_bytes = 0;  // sum over the mappings, as mp_ counts
  std::vector<Evidence> evidence;
  Findings findings;

  std::uint64_t usable_size(const Chunk& chunk) const {
    return chunk.size - (chunk.mmapped ? layout.mmapped_overhead : 8);
  }
};

// All glibc heaps of the image, the one with most bytes first; empty when none is in use.
// `exclude`: ranges that another allocator was proven to own (pymalloc arenas), never parsed as
// mmapped chunks.
Result<std::vector<MallocHeap>> find_heaps(const image::Image& image, const image::Symbols& symbols,
                                           const std::vector<AddressRange>& exclude,
                                           JobControl& job);

}  // namespace coreheap::glibc
