// What holds free memory back: the blocks in use that keep a page or an arena which is otherwise
// free.
//
// The unit that goes back to the system is pymalloc's arena, and in glibc's heaps the page (which
// malloc_trim can give back when nothing on it is in use). The free bytes of a unit are shared out
// evenly among the blocks in use on it, so that shares add up to what is held back and no byte
// counts twice. One block may hold back far more than its size; a full unit holds back nothing.
//
// Invariant: the shares of all pinners plus `without` equal `pymalloc + glibc`.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "heapparse/base/parallel.h"
#include "heapparse/census/census.h"
#include "heapparse/image/image.h"
#include "heapparse/malloc/malloc_heap.h"
#include "heapparse/pymalloc/pymalloc_heap.h"
#include "heapparse/usage/malloc_trim.h"

namespace coreheap::usage {

struct Pinner {
  census::RowId row = census::RowId::none;
  std::uint64_t holds = 0;  // its share, in bytes
};

// Pinners that are alike: same allocator, label and type, owners of one type.
struct PinnerGroup {
  census::RowId example = census::RowId::none;  // that with the largest share
  census::TypeId owner = census::TypeId::none;  // the owners' type
  std::uint64_t count = 0;
  std::uint64_t size = 0;   // of the blocks
  std::uint64_t holds = 0;  // sum of their shares
};

// Pages of glibc's heaps that stay although no block in use is on them.
enum class Unpinned : std::uint8_t {
  thread_top,  // top of an arena that is not the main one: only free() near it shrinks it
  main_top,    // the last page or pages of brk
  tcache,      // chunks that a thread keeps for itself
  links,       // first page of a free chunk, which holds its links
};
inline constexpr std::size_t kUnpinned = 4;
std::string_view name_of(Unpinned why);
std::string_view meaning_of(Unpinned why);

struct Pinned {
  std::uint64_t pymalloc = 0;  // held back in its arenas
  std::uint64_t glibc = 0;     // held back in glibc's heaps once malloc_trim(0) was called
  std::array<std::uint64_t, kUnpinned> without{};
  std::vector<PinnerGroup> groups;  // largest share first
  std::vector<Pinner> largest;      // single ones, largest share first
};

// `most`: how many single pinners are kept.
Pinned find_pinners(const image::Image& image, const census::Census& census,
                    const pymalloc::PymallocHeap& pymalloc,
                    const std::vector<glibc::MallocHeap>& heaps, std::size_t most, JobControl& job);

}  // namespace coreheap::usage
