// What commands see of a target: its stages, each worked out when first asked for. The production
// one stands over a Snapshot; tests hand in stages that they built themselves.
#pragma once

#include <memory>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "heapparse/census/census.h"
#include "heapparse/graph/dominators.h"
#include "heapparse/graph/graph.h"
#include "heapparse/image/cgroup.h"
#include "heapparse/image/image.h"
#include "heapparse/malloc/malloc_heap.h"
#include "heapparse/pymalloc/pymalloc_heap.h"
#include "heapparse/python/runtime.h"
#include "heapparse/python/tracemalloc.h"
#include "heapparse/python/type_table.h"
#include "heapparse/snapshot/snapshot.h"

namespace coreheap::commands {

class Target {
 public:
  Target() = default;
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
  virtual ~Target() = default;

  virtual const image::Image& image() const = 0;
  virtual Result<const pymalloc::PymallocHeap*> pymalloc(JobControl& job) = 0;
  virtual Result<const std::vector<glibc::MallocHeap>*> heaps(JobControl& job) = 0;
  virtual Result<const python::Runtime*> runtime(JobControl& job) = 0;  // nullptr: no Python
  // In the order of Census::types; nullptr: no Python.
  virtual Result<const python::TypeTable*> types(JobControl& job) = 0;
  // nullptr: no Python.
  virtual Result<const python::Tracemalloc*> tracemalloc(JobControl& job) = 0;
  virtual Result<const census::Census*> census(JobControl& job) = 0;
  // nullptr: none beside those that are walked.
  virtual Result<const glibc::OtherAllocator*> other_allocator(JobControl&) { return nullptr; }
  // Objects by closure; nullptr: no Python.
  virtual Result<const python::Closure*> closure(JobControl&) { return nullptr; }
  // Of a live process; nullptr for what is not alive.
  virtual Result<const image::Cgroup*> cgroup(JobControl&) { return nullptr; }
  virtual Result<const graph::Graph*> graph(JobControl& job) = 0;
  virtual Result<const graph::Dominators*> dominators(JobControl& job) = 0;
};

std::unique_ptr<Target> make_target(image::Image image, SnapshotOptions options);

}  // namespace coreheap::commands
