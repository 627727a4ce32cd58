// What would be freed with a whole set of nodes: the exact union, by one search around the set.
//
// Sums of retained sizes are never that: what two of a set hold together is in neither's size, and
// what one holds through another is in both.
#pragma once

#include <cstdint>
#include <span>

#include "heapparse/graph/graph.h"

namespace coreheap::graph {

struct RetainedSet {
  Bits nodes;               // by node: would be freed; the set itself included
  std::uint64_t count = 0;  // of nodes
  std::uint64_t bytes = 0;
};

// Roots in the set stand for all that they hold.
Result<RetainedSet> retained_set(const Graph& graph, std::span<const NodeId> set, JobControl& job);

// All that a set reaches, itself included: how deep it is, not what it retains.
Result<RetainedSet> reached_set(const Graph& graph, std::span<const NodeId> set, JobControl& job);

}  // namespace coreheap::graph
