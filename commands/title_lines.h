// The lines above the first screen: which process this is, what it runs, what allocates in it.
#pragma once

#include <string>
#include <vector>

#include "heapparse/image/image.h"
#include "heapparse/malloc/malloc_heap.h"
#include "heapparse/malloc/other_allocators.h"
#include "heapparse/pymalloc/pymalloc_heap.h"
#include "heapparse/python/runtime.h"

namespace coreheap::commands {

struct Allocators {
  std::string text;  // "pymalloc + glibc malloc"
  std::size_t arenas = 0;
};
// `other` may be null.
Allocators allocators_of(const std::vector<glibc::MallocHeap>& heaps,
                         const pymalloc::PymallocHeap& pymalloc,
                         const glibc::OtherAllocator* other);

// "coreheap  pid 7  uvicorn app.main:app  CPython 3.12.11  up 3d 04h  paused 0.9 s"
std::string first_line(const image::Image& image, const python::Runtime* runtime);
// "allocators  pymalloc + glibc malloc      threads 11   fds 214"
std::string second_line(const image::Image& image, const Allocators& allocators);

}  // namespace coreheap::commands
