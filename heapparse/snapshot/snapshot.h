// One stop of one target and what was worked out about it: image, allocators, runtime and types,
// census, graph, dominators.
//
// Stages are immutable and computed on first use, each from the ones below it; asking for one
// computes what it needs. A Snapshot belongs to one thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "heapparse/census/census.h"
#include "heapparse/graph/dominators.h"
#include "heapparse/graph/graph.h"
#include "heapparse/image/image.h"
#include "heapparse/image/open.h"
#include "heapparse/image/symbols.h"
#include "heapparse/malloc/malloc_heap.h"
#include "heapparse/malloc/other_allocators.h"
#include "heapparse/pymalloc/pymalloc_heap.h"
#include "heapparse/python/closure.h"
#include "heapparse/python/runtime.h"
#include "heapparse/python/tracemalloc.h"
#include "heapparse/python/type_table.h"

namespace coreheap {

struct SnapshotOptions {
  bool use_symbols = true;           // --no-symbols
  python::RuntimeOptions runtime{};  // --newest-table
};

class Snapshot {
 public:
  Snapshot(image::Image image, SnapshotOptions options);

  const image::Image& image() const { return image_; }
  const image::Symbols& symbols();

  Result<const pymalloc::PymallocHeap*> pymalloc(JobControl& job);
  Result<const std::vector<glibc::MallocHeap>*> heaps(JobControl& job);
  // nullptr when there is no Python inside.
  Result<const python::Runtime*> runtime(JobControl& job);
  // nullptr when there is no allocator beside those that are walked.
  Result<const glibc::OtherAllocator*> other_allocator(JobControl& job);
  Result<const python::TypeTable*> types(JobControl& job);
  // Objects by closure. nullptr when there is no Python inside.
  Result<const python::Closure*> closure(JobControl& job);
  // nullptr when there is no Python inside.
  Result<const python::Tracemalloc*> tracemalloc(JobControl& job);
  Result<const census::Census*> census(JobControl& job);
  Result<const graph::Graph*> graph(JobControl& job);
  Result<const graph::Dominators*> dominators(JobControl& job);

 private:
  image::Image image_;
  SnapshotOptions options_;
  std::optional<image::Symbols> symbols_;
  std::optional<pymalloc::PymallocHeap> pymalloc_;
  std::optional<std::vector<glibc::MallocHeap>> heaps_;
  bool runtime_searched_ = false;
  std::optional<python::Runtime> runtime_;
  bool other_searched_ = false;
  std::optional<glibc::OtherAllocator> other_;
  std::optional<python::TypeTable> types_;
  std::optional<python::Closure> closure_;
  std::optional<python::Tracemalloc> tracemalloc_;
  std::unique_ptr<census::Census> census_;
  std::optional<graph::Graph> graph_;
  std::optional<graph::Dominators> dominators_;
};

}  // namespace coreheap
