// What the graph is made from. All of it outlives the graph.
#pragma once

#include "heapparse/census/census.h"
#include "heapparse/image/image.h"
#include "heapparse/python/runtime.h"
#include "heapparse/python/type_table.h"

namespace coreheap::graph {

// `runtime` and `types` are null when no Python is inside: then native blocks are all there is.
struct Sources {
  const image::Image& image;
  const census::Census& census;
  const python::Runtime* runtime = nullptr;
  const python::TypeTable* types = nullptr;
};

}  // namespace coreheap::graph
