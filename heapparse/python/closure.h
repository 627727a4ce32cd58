// Objects by closure: whatever can be reached from the interpreter, one reference at a time.
//
// The second provider of objects, for memory whose allocator nobody here can walk (jemalloc,
// tcmalloc, mimalloc, musl …): where blocks cannot be listed, what is referred to still can. It
// costs a cache miss an object and finds no object that nothing refers to; so where an allocator is
// known, its blocks are walked instead.
//
// Roots: the collector's lists; the states of interpreters and threads, word by word; the frames
// that run; what the writable data of modules points to. References are those of references.h.
#pragma once

#include <cstdint>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "heapparse/image/image.h"
#include "heapparse/python/runtime.h"
#include "heapparse/python/type_table.h"

namespace coreheap::python {

struct ClosureObject {
  Address address;
  std::uint32_t type = 0;  // index into the TypeTable
};

struct Closure {
  std::vector<ClosureObject> objects;  // sorted by address, each once; static ones too
  // How many of them each kind of root gave first.
  std::size_t from_lists = 0;
  std::size_t from_states = 0;
  std::size_t from_frames = 0;
  std::size_t from_modules = 0;
};

Result<Closure> objects_by_closure(const image::Image& image, const Runtime& runtime,
                                   const TypeTable& types, JobControl& job);

}  // namespace coreheap::python
