// Immediate dominators, and retained sizes as sums over their tree.
//
// d dominates v when every path from the super-root to v runs through d; the immediate dominator is
// the nearest. What a node retains, what would be freed with it, is itself and all that it
// dominates.
//
// Semi-NCA (Georgiadis, Tarjan): depth-first numbers, semidominators with path compression, then
// each node's nearest common ancestor. Nothing recurses and nothing is iterated to a fixed point;
// ancestors are searched along skew-binary jump pointers, so that no graph, however deep or
// entangled, costs more than m log n. Nodes that refer to nothing that could be dominated (half of
// a heap and more) take no part: each is attached afterwards, to the nearest common ancestor of
// its referrers.
#pragma once

#include <cstdint>

#include "heapparse/base/big_column.h"
#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "heapparse/graph/csr.h"
#include "heapparse/graph/root_edges.h"

namespace coreheap::graph {

struct Dominators {
  static constexpr std::uint32_t kNone = 0xffffffff;
  // By node, roots and super-root included; kNone for the super-root and what is unreachable.
  BigColumn<std::uint32_t> idom;
  // Bytes: a node's own and those of all that it dominates. 0 for what is unreachable.
  BigColumn<std::uint64_t> retained;

  std::uint64_t bytes() const { return idom.size() * 4 + retained.size() * 8; }
};

// `weights`: of objects, in units of `unit` bytes; roots weigh nothing.
Result<Dominators> find_dominators(const Csr& forward, const Csr& reverse, const RootEdges& roots,
                                   std::span<const std::uint32_t> weights, std::uint64_t unit,
                                   JobControl& job);

// By node [0, objects): how many objects and native blocks it retains, itself included. One pass.
BigColumn<std::uint32_t> retained_counts(const Dominators& dominators, std::uint32_t objects);

// The dominator tree from above: whom each node dominates immediately, ascending.
Csr dominated_children(const Dominators& dominators);

}  // namespace coreheap::graph
