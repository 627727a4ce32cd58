// Making the census of one image.
#pragma once

#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "heapparse/census/census.h"
#include "heapparse/image/image.h"
#include "heapparse/image/symbols.h"
#include "heapparse/malloc/malloc_heap.h"
#include "heapparse/malloc/other_allocators.h"
#include "heapparse/pymalloc/pymalloc_heap.h"
#include "heapparse/python/closure.h"
#include "heapparse/python/runtime.h"
#include "heapparse/python/tracemalloc.h"
#include "heapparse/python/type_table.h"

namespace coreheap::census {

// What the census is made from. `runtime` and `types` are null when no Python is inside.
struct Sources {
  const image::Image& image;
  const image::Symbols& symbols;
  const std::vector<glibc::MallocHeap>& heaps;
  const pymalloc::PymallocHeap& pymalloc;
  const python::Runtime* runtime = nullptr;
  const python::TypeTable* types = nullptr;
  const python::Tracemalloc* tracemalloc = nullptr;
  // Where another allocator is in charge: its memory, and the objects that were reached in it.
  const glibc::OtherAllocator* other = nullptr;
  const python::Closure* closure = nullptr;
};

Result<Census> build(const Sources& sources, JobControl& job);

// Every breach of the census's invariants (rows and ranges tile every mapping, sorted, disjoint);
// for tests and `heap verify`.
Findings check(const Census& census, const image::Image& image);

}  // namespace coreheap::census
