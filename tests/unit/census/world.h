// A synthesised CPython with everything below the census worked out: what build() takes.
#pragma once

#include <vector>

#include "heapparse/census/build.h"
#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace coreheap::census::testing {

// The image of a heap as it is now, and the allocators, runtime and types of it.
class World {
 public:
  explicit World(python::synthetic::HeapBuilder& heap)
      : image(heap.image()), heaps{heap.malloc_heap()}, runtime(heap.runtime()) {
    auto found = pymalloc::find_heap(image, {}, job);
    REQUIRE(found.has_value());
    pools = std::move(*found);
    auto table = python::find_types(image, runtime, heaps, pools, job);
    REQUIRE(table.has_value());
    types = std::move(*table);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  Sources sources() const { return {image, symbols, heaps, pools, &runtime, &types}; }
  Census census() {
    auto built = build(sources(), job);
    REQUIRE(built.has_value());
    return std::move(*built);
  }

  JobControl job;
  image::Image image;
  image::Symbols symbols;
  std::vector<glibc::MallocHeap> heaps;
  pymalloc::PymallocHeap pools;
  python::Runtime runtime;
  python::TypeTable types;
};

// The row of the allocation that holds `a`.
inline RowId row_of(const Census& census, Address a) {
  const RowId row = census.row_holding(a);
  REQUIRE(row != RowId::none);
  return row;
}

}  // namespace coreheap::census::testing
