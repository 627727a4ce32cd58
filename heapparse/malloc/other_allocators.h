// Allocators that are named here, but not walked: what took the place of glibc's malloc, and which
// memory must be its own because it is nobody else's.
//
// Nothing is believed because a file is mapped: a library that is called has its addresses in the
// data of those who call it. Memory is what the known allocators and the stacks leave over.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "heapparse/base/finding.h"
#include "heapparse/image/image.h"
#include "heapparse/malloc/malloc_heap.h"

namespace coreheap::glibc {

struct OtherAllocator {
  std::string name;          // "jemalloc"; "unknown allocator"
  std::int32_t module = -1;  // index into Image::modules; -1: built in, or unknown
  // Anonymous memory that no known allocator owns: sorted, disjoint.
  std::vector<AddressRange> memory;
  std::uint64_t bytes = 0;            // of it in the image
  std::uint64_t anonymous_bytes = 0;  // of all anonymous memory in the image
  std::vector<Evidence> evidence;
};

// `known`: memory that another walker owns (pymalloc's arenas). `needed`: something was found in
// memory that nobody owns, so there must be an allocator even where none is recognised.
std::optional<OtherAllocator> find_other_allocator(const image::Image& image,
                                                   const std::vector<MallocHeap>& heaps,
                                                   const std::vector<AddressRange>& known,
                                                   bool needed);

}  // namespace coreheap::glibc
