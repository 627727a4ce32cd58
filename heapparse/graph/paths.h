// Shortest ways, asked for one by one: to a node from the roots, by several of its holders, around
// what is left out; from one node to another.
//
// The way of a node that was found when the graph was built is Graph::parent; these are searched
// anew, in time linear in the graph.
#pragma once

#include <span>
#include <vector>

#include "heapparse/graph/graph.h"

namespace coreheap::graph {

// Nodes from the beginning to the end, both included.
using Path = std::vector<NodeId>;

// The way to `id` that the graph keeps: a root first.
Path kept_path(const Graph& graph, NodeId id);

// One way for each holder of `id` that a root reaches without `id` and without `excluded`, the most
// telling roots first, then the shortest; at most `limit`. Each begins with a root.
Result<std::vector<Path>> paths_by_holder(const Graph& graph, NodeId id,
                                          std::span<const NodeId> excluded, std::size_t limit,
                                          JobControl& job);

// A shortest way along references; empty when there is none.
Result<Path> path_between(const Graph& graph, NodeId from, NodeId to,
                          std::span<const NodeId> excluded, JobControl& job);

// Ways from all roots, in the order of preference, that avoid the blocked nodes.
Result<Ways> ways_without(const Graph& graph, std::span<const NodeId> blocked, JobControl& job);

// The way of a node in such a forest: a root first; empty where none leads to it.
Path path_along(const Ways& ways, const Graph& graph, NodeId id);

}  // namespace coreheap::graph
