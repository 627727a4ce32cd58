// The CPython runtime of a target: which version, which layout, where its roots are, and how each
// was found.
//
// Nothing here needs symbols. `type` (PyType_Type) refers to itself, and the size it declares for
// itself names the versions that are possible; `_PyRuntime` and its `_Py_DebugOffsets` or the
// interpreter list settle the rest. Symbols and the version string of `sys`, when at hand, confirm.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cpython_layouts/layout.h"
#include "heapparse/base/address.h"
#include "heapparse/base/error.h"
#include "heapparse/base/finding.h"
#include "heapparse/base/parallel.h"
#include "heapparse/image/image.h"
#include "heapparse/image/symbols.h"
#include "heapparse/malloc/malloc_heap.h"
#include "heapparse/pymalloc/pymalloc_heap.h"

namespace coreheap::python {

struct Interpreter {
  Address address;
  std::uint64_t id = 0;
  Address modules;   // sys.modules dict; 0 when unknown
  Address sysdict;   // sys.__dict__
  Address builtins;  // builtins.__dict__
  std::vector<Address> thread_states;
  // The counts in front of its tables of static types. A count and the type behind it look like an
  // object's head.
  std::vector<AddressRange> type_table_counts;
};

struct Runtime {
  const layouts::Layout* layout = nullptr;
  // Owns what `layout` points to where the target's own word was put above a table's.
  std::shared_ptr<const layouts::Layout> corrected;
  std::string version_text;        // "3.11.7", or "3.11" when the patch level is unknown
  bool best_effort = false;        // newer than every table
  std::int32_t module = -1;        // the file PyType_Type lies in
  Address type_type;               // PyType_Type
  std::optional<Address> runtime;  // _PyRuntime
  std::vector<Interpreter> interpreters;

  // Read from the heap, never from the version (distributions patch both).
  std::uint32_t gc_head_bytes = 16;
  // Bytes that debug hooks put in front of each allocation: 16 under PYTHONMALLOC=debug, else 0.
  std::uint32_t debug_prefix_bytes = 0;
  // The same for blocks that are malloc chunks. With hooks over pymalloc, what is too big for a
  // pool is handed on to the raw allocator, which is hooked too: 32.
  std::uint32_t debug_chunk_prefix_bytes = 0;

  std::vector<Evidence> evidence;
  Findings findings;
};

struct RuntimeOptions {
  // No table of a newer version than this one is used: what an older coreheap would say of a newer
  // CPython. Absent: all are.
  std::optional<layouts::Version> newest_table;
};

// One runtime, the one with most types, or nullopt when no Python is inside.
Result<std::optional<Runtime>> find_runtime(const image::Image& image,
                                            const image::Symbols& symbols,
                                            const std::vector<glibc::MallocHeap>& heaps,
                                            const pymalloc::PymallocHeap& pymalloc, JobControl& job,
                                            const RuntimeOptions& options = {});

}  // namespace coreheap::python
