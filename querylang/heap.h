// What a query may look at: the census of one target and the stages below it.
//
// Everything outlives the query's result. `runtime` and `types` are null where no Python is inside.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "heapparse/census/census.h"
#include "heapparse/graph/dominators.h"
#include "heapparse/graph/graph.h"
#include "heapparse/graph/holders.h"
#include "heapparse/image/image.h"
#include "heapparse/malloc/malloc_heap.h"
#include "heapparse/pymalloc/pymalloc_heap.h"
#include "heapparse/python/gc_state.h"
#include "heapparse/python/runtime.h"
#include "heapparse/python/type_table.h"

namespace coreheap::query {

struct Heap {
  const image::Image& image;
  const census::Census& census;
  const std::vector<glibc::MallocHeap>& heaps;
  const pymalloc::PymallocHeap& pymalloc;
  const python::Runtime* runtime = nullptr;
  const python::TypeTable* types = nullptr;
  // Built when a query first names them; empty: this target has none.
  std::function<Result<const graph::Graph*>(JobControl&)> graph = {};
  std::function<Result<const graph::Dominators*>(JobControl&)> dominators = {};
};

// Rows of the census, sorted.
using RowSet = std::vector<std::uint32_t>;

// Sets saved under a name ("idle" for $idle).
using Variables = std::map<std::string, std::shared_ptr<const RowSet>, std::less<>>;

// Columns that the census does not hold and that are worked out once, when a query names them.
struct Derived {
  std::vector<std::uint64_t> buffers;  // by row: bytes of the buffers it owns
  std::unique_ptr<python::GcMembers> collector;
  const graph::Graph* graph = nullptr;
  const graph::Dominators* dominators = nullptr;
  // By node.
  BigColumn<std::uint32_t> depths;
  BigColumn<std::uint32_t> retained_counts;
  BigColumn<std::uint32_t> holder_of;  // place in `holders`
  std::optional<graph::Holders> holders;
};

}  // namespace coreheap::query
