// Who holds the memory: disjoint parts of the heap, each with one thing to point at.
//
// The dominator tree is walked from its root through *plumbing*, what every program has: roots,
// sys.modules, modules, classes, functions and their namespaces. What is met first below it is a
// holder: an object, or where many of one type hang side by side (held from two places, so that
// neither retains them), those together. Subtrees of a tree are disjoint, so the bytes of all
// holders, of the plumbing and of the rest add up to the heap.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "heapparse/graph/dominators.h"
#include "heapparse/graph/graph.h"

namespace coreheap::graph {

struct Holder {
  NodeId place = NodeId::none;        // the object; of a group the largest
  std::uint64_t count = 1;            // objects of one type side by side
  std::uint64_t bytes = 0;            // retained by them all: freed if they went
  std::uint64_t objects = 0;          // 0 until asked for
  RootKind root = RootKind::modules;  // what its way begins with
  // Where the bytes fan out: down along the largest child while that has most of its parent's.
  NodeId accumulation = NodeId::none;
  // Of the accumulation point: the type of children that holds most.
  NodeId part = NodeId::none;  // the largest of them
  std::uint64_t part_count = 0;
  std::uint64_t part_bytes = 0;
};

struct Holders {
  std::vector<Holder> holders;  // largest first
  // The tops of the holders' trees and the places of their holders above, ascending.
  std::vector<std::pair<NodeId, std::uint32_t>> tops;
  std::uint64_t total = 0;    // bytes of all nodes
  std::uint64_t code = 0;     // plumbing: modules, classes, functions, immortals, runtime
  std::uint64_t garbage = 0;  // waits for the collector
  std::uint64_t orphans = 0;  // native blocks nothing points to
  std::uint64_t orphan_blocks = 0;
};

Result<Holders> find_holders(const Sources& sources, const Graph& graph,
                             const Dominators& dominators, JobControl& job);

// By node [0, objects()): the place of its holder; kNone for plumbing and what nobody holds. One
// pass.
BigColumn<std::uint32_t> holders_by_node(const Graph& graph, const Dominators& dominators,
                                         const Holders& holders);

// Share of its parent's bytes that the largest child must have to be descended into.
inline constexpr double kBigDrop = 0.7;

// From `id` down to where its bytes fan out.
NodeId accumulation_point(const Dominators& dominators, const Csr& tree, NodeId id);

}  // namespace coreheap::graph
