// What the reports on glibc's malloc share: the heap, the numbering of its arenas, names of bins.
#pragma once

#include <string>
#include <vector>

#include "commands/registry.h"
#include "heapparse/malloc/malloc_heap.h"

namespace coreheap::commands {

// Arenas are numbered over all libcs of a process, in malloc_info's order within each.
struct NumberedArena {
  std::size_t number = 0;
  const glibc::MallocHeap* heap = nullptr;
  std::uint16_t index = 0;  // within the heap
  const glibc::Arena& arena() const { return heap->arenas[index]; }
};
std::vector<NumberedArena> numbered_arenas(const std::vector<glibc::MallocHeap>& heaps);

// Error no_allocator when there is none.
Result<const std::vector<glibc::MallocHeap>*> glibc_heaps(Context& context, Target& target);

std::string bin_name(std::uint32_t bin);  // "unsorted", "small 32", "large 68"

struct BinLine {
  std::string name;
  std::string family;  // tcache, fastbin, unsorted, small, large
  std::uint64_t index = 0;
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  std::uint64_t min_size = 0;
  std::uint64_t max_size = 0;
};
// Fastbins and bins of an arena, and the chunks of it that tcaches hold, by size.
std::vector<BinLine> bins_of(const NumberedArena& arena);

}  // namespace coreheap::commands
