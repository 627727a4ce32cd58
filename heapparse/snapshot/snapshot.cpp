#include "heapparse/snapshot/snapshot.h"

#include "heapparse/census/build.h"
#include "heapparse/python/allocation_lookup.h"

namespace coreheap {

Snapshot::Snapshot(image::Image image, SnapshotOptions options)
    : image_(std::move(image)), options_(options) {}

const image::Symbols& Snapshot::symbols() {
  if (!symbols_) symbols_ = options_.use_symbols ? image::load_symbols(image_) : image::Symbols{};
  return *symbols_;
}

Result<const pymalloc::PymallocHeap*> Snapshot::pymalloc(JobControl& job) {
  if (!pymalloc_) {
    auto found = pymalloc::find_heap(image_, symbols(), job);
    if (!found) return std::unexpected(found.error());
    pymalloc_ = std::move(*found);
  }
  return &*pymalloc_;
}

Result<const std::vector<glibc::MallocHeap>*> Snapshot::heaps(JobControl& job) {
  if (!heaps_) {
    auto pools = pymalloc(job);
    if (!pools) return std::unexpected(pools.error());
    std::vector<AddressRange> exclude;
    for (const auto& arena : (*pools)->arenas) exclude.push_back(arena.range);
    auto found = glibc::find_heaps(image_, symbols(), exclude, job);
    if (!found) return std::unexpected(found.error());
    heaps_ = std::move(*found);
  }
  return &*heaps_;
}

Result<const python::Runtime*> Snapshot::runtime(JobControl& job) {
  if (!runtime_searched_) {
    auto malloc_heaps = heaps(job);
    if (!malloc_heaps) return std::unexpected(malloc_heaps.error());
    auto found =
        python::find_runtime(image_, symbols(), **malloc_heaps, *pymalloc_, job, options_.runtime);
    if (!found) return std::unexpected(found.error());
    runtime_ = std::move(*found);
    runtime_searched_ = true;
  }
  return runtime_ ? &*runtime_ : nullptr;
}

Result<const glibc::OtherAllocator*> Snapshot::other_allocator(JobControl& job) {
  if (!other_searched_) {
    auto found_runtime = runtime(job);
    if (!found_runtime) return std::unexpected(found_runtime.error());
    std::vector<AddressRange> known;
    for (const auto& arena : pymalloc_->arenas) known.push_back(arena.range);
    // Dicts of the interpreter that lie in nobody's memory.
    bool needed = false;
    if (*found_runtime != nullptr) {
      for (const python::Interpreter& interpreter : (*found_runtime)->interpreters) {
        needed = needed || (interpreter.modules &&
                            !python::allocation_holding(*heaps_, *pymalloc_, interpreter.modules));
      }
    }
    other_ = glibc::find_other_allocator(image_, *heaps_, known, needed);
    other_searched_ = true;
  }
  return other_ ? &*other_ : nullptr;
}

Result<const python::Closure*> Snapshot::closure(JobControl& job) {
  auto table = types(job);
  if (!table) return std::unexpected(table.error());
  if (*table == nullptr) return nullptr;
  if (!closure_) {
    auto found = python::objects_by_closure(image_, *runtime_, **table, job);
    if (!found) return std::unexpected(found.error());
    closure_ = std::move(*found);
  }
  return &*closure_;
}

Result<const python::TypeTable*> Snapshot::types(JobControl& job) {
  auto found_runtime = runtime(job);
  if (!found_runtime) return std::unexpected(found_runtime.error());
  if (*found_runtime == nullptr) return nullptr;
  if (!types_) {
    auto other = other_allocator(job);
    if (!other) return std::unexpected(other.error());
    std::span<const AddressRange> memory;
    if (*other != nullptr) memory = (*other)->memory;
    auto found = python::find_types(image_, **found_runtime, *heaps_, *pymalloc_, job, memory);
    if (!found) return std::unexpected(found.error());
    types_ = std::move(*found);
  }
  return &*types_;
}

Result<const python::Tracemalloc*> Snapshot::tracemalloc(JobControl& job) {
  auto found_runtime = runtime(job);
  if (!found_runtime) return std::unexpected(found_runtime.error());
  if (*found_runtime == nullptr) return nullptr;
  if (!tracemalloc_) {
    auto found = python::find_tracemalloc(image_, symbols(), **found_runtime, job);
    if (!found) return std::unexpected(found.error());
    tracemalloc_ = std::move(*found);
  }
  return &*tracemalloc_;
}

Result<const census::Census*> Snapshot::census(JobControl& job) {
  if (!census_) {
    auto table = types(job);
    if (!table) return std::unexpected(table.error());
    auto traces = tracemalloc(job);
    if (!traces) return std::unexpected(traces.error());
    auto other = other_allocator(job);
    if (!other) return std::unexpected(other.error());
    const python::Closure* reached = nullptr;
    if (*other != nullptr) {
      auto found = closure(job);
      if (!found) return std::unexpected(found.error());
      reached = *found;
    }
    const census::Sources sources{
        image_, symbols(), *heaps_, *pymalloc_, runtime_ ? &*runtime_ : nullptr,
        *table, *traces,   *other,  reached};
    auto built = census::build(sources, job);
    if (!built) return std::unexpected(built.error());
    census_ = std::make_unique<census::Census>(std::move(*built));
  }
  return census_.get();
}

Result<const graph::Graph*> Snapshot::graph(JobControl& job) {
  if (!graph_) {
    auto rows = census(job);
    if (!rows) return std::unexpected(rows.error());
    const graph::Sources sources{image_, **rows, runtime_ ? &*runtime_ : nullptr,
                                 types_ ? &*types_ : nullptr};
    auto built = graph::build(sources, job);
    if (!built) return std::unexpected(built.error());
    graph_ = std::move(*built);
  }
  return &*graph_;
}

Result<const graph::Dominators*> Snapshot::dominators(JobControl& job) {
  if (!dominators_) {
    auto edges = graph(job);
    if (!edges) return std::unexpected(edges.error());
    auto found = graph::find_dominators(**edges, job);
    if (!found) return std::unexpected(found.error());
    dominators_ = std::move(*found);
  }
  return &*dominators_;
}

}  // namespace coreheap
