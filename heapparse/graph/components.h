// Strongly connected components of a part of the graph: cycles of garbage, islands of blocks.
//
// Tarjan's algorithm with a stack of its own: a chain of five million objects is no deep recursion.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "heapparse/graph/csr.h"

namespace coreheap::graph {

struct Components {
  // By member, in the order of the members given: the number of its component. A component's number
  // is above those of the components that it refers to.
  std::vector<std::uint32_t> of;
  // By component: no other component of the part refers to it.
  std::vector<bool> is_source;
  // By component: it holds a cycle (several members, or one that refers to itself).
  std::vector<bool> is_cycle;
};

// `members`: ascending; edges to other nodes are left out.
Result<Components> find_components(const Csr& forward, std::span<const std::uint32_t> members,
                                   JobControl& job);

}  // namespace coreheap::graph
