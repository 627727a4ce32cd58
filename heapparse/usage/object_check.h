// Objects held against each other: does every reference lead to a live object?
//
// Use after free, a C extension that gave back one reference too many, memory that was written
// over: all of them show as a pair of objects that disagree, often long before the process dies.
// Invariant: in a sound heap there is nothing to find. What is found is data (Findings with an
// address), counted in full, listed up to a bound.
#pragma once

#include <cstdint>

#include "heapparse/base/error.h"
#include "heapparse/base/finding.h"
#include "heapparse/base/parallel.h"
#include "heapparse/census/census.h"
#include "heapparse/image/image.h"
#include "heapparse/python/runtime.h"
#include "heapparse/python/type_table.h"

namespace coreheap::usage {

struct ObjectCheck {
  Findings findings;             // sorted by address; at most kMostListed
  std::uint64_t found = 0;       // all of them
  std::uint64_t objects = 0;     // looked at
  std::uint64_t references = 0;  // followed

  static constexpr std::size_t kMostListed = 10'000;
};

// `types` in the order of census.types. References that are guesses count for nothing.
Result<ObjectCheck> check_objects(const census::Census& census, const image::Image& image,
                                  const python::Runtime& runtime, const python::TypeTable& types,
                                  JobControl& job);

}  // namespace coreheap::usage
