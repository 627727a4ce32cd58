// What the live objects of each type take: their number, what sys.getsizeof says of them, their own
// allocations, and the buffers they own.
//
// Invariant: a live object counts once under its own type, a buffer once under the type of its one
// owner. So the sums over all types are sums over rows, and no row is in two of them.
#pragma once

#include <cstdint>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/function_ref.h"
#include "heapparse/base/parallel.h"
#include "heapparse/census/census.h"
#include "heapparse/image/address_space.h"
#include "heapparse/python/runtime.h"
#include "heapparse/python/type_table.h"

namespace coreheap::usage {

struct TypeUsage {
  std::uint64_t objects = 0;
  std::uint64_t shallow = 0;     // sum of sys.getsizeof
  std::uint64_t own = 0;         // the objects' own allocations
  std::uint64_t buffers = 0;     // allocations that belong to them
  std::uint64_t unsized = 0;     // objects whose bytes do not say their size: damaged, or not there
  std::uint64_t overridden = 0;  // objects whose class has a __sizeof__ of its own: shallow is C's

  std::uint64_t total() const { return own + buffers; }
  TypeUsage& operator+=(const TypeUsage& other);
};

// Is the row a live object of a heap (or of a module's data too, with `with_static`)?
bool is_live_object(const census::Census& census, census::RowId row, bool with_static);

// By TypeId. Without a runtime the shallow sums stay 0. Only objects of types whose size varies are
// read.
Result<std::vector<TypeUsage>> type_usage(const census::Census& census,
                                          const image::AddressSpace& space,
                                          const python::Runtime* runtime,
                                          const python::TypeTable* types, bool with_static,
                                          JobControl& job);

// The same by any other key: group_of(row) < groups, of live objects. A buffer counts with its
// owner's group. Called from several threads.
Result<std::vector<TypeUsage>> group_usage(
    const census::Census& census, const image::AddressSpace& space, const python::Runtime* runtime,
    const python::TypeTable* types, bool with_static, std::size_t groups,
    FunctionRef<std::uint32_t(census::RowId)> group_of, JobControl& job);

}  // namespace coreheap::usage
