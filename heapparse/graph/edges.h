// The references that objects state themselves: one pass over all objects, through the one decoder
// of edges. Exact edges and guesses are kept apart, because a guess counts only where the target's
// refcount has room for it.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "heapparse/graph/node_table.h"
#include "heapparse/graph/sources.h"

namespace coreheap::graph {

using Edge = std::pair<std::uint32_t, std::uint32_t>;  // holder, target

// Exact edges of a run of nodes: `counts[i]` of node first + i.
struct EdgeRun {
  std::vector<std::uint32_t> targets;
  std::vector<std::uint32_t> counts;
};

struct DecodedEdges {
  std::vector<EdgeRun> runs;  // of kNodesPerRun nodes each
  std::vector<Edge> guesses;
  std::vector<Edge> weak;                // weak reference, its referent
  std::vector<std::uint32_t> uncounted;  // targets of exact edges that are in no refcount
  // Dicts whose every key is its own value, an interned str: the interpreter's table, or one like
  // it.
  std::vector<std::uint32_t> interned_tables;
  // By node: its refcount; kImmortal, and kNoCount for native blocks.
  BigColumn<std::uint32_t> refcounts;
  std::uint64_t dangling = 0;  // references to what is no object in use

  static constexpr std::uint32_t kNodesPerRun = 1 << 14;
  static constexpr std::uint32_t kImmortal = 0xffffffff;
  static constexpr std::uint32_t kNoCount = 0xfffffffe;
};

Result<DecodedEdges> decode_edges(const Sources& sources, const NodeTable& nodes, JobControl& job);

}  // namespace coreheap::graph
