// Walks breadth first over node numbers; a step costs the edges it looks at.
#include "querylang/graph_stages.h"

#include <algorithm>

#include "heapparse/graph/retained_set.h"
#include "querylang/graph_attributes.h"

namespace coreheap::query {

namespace {

using graph::Graph;
using graph::NodeId;

RowSet in_order(RowSet rows) {
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

RowSet one_step(Walk walk, const RowSet& rows, const Derived& derived) {
  const Graph& graph = *derived.graph;
  RowSet next;
  const auto take = [&](NodeId node) {
    if (!graph.is_root(node)) next.push_back(census::index_of(graph.row(node)));
  };
  for (const NodeId node : nodes_of(rows, derived)) {
    if (walk == Walk::referents) {
      graph.for_each_referent(node, take);
    } else if (walk == Walk::referrers) {
      graph.for_each_referrer(node, take);
    } else {
      const std::uint32_t above = derived.dominators->idom[graph::index_of(node)];
      if (above != graph::Dominators::kNone) take(NodeId{above});
    }
  }
  return in_order(std::move(next));
}

// Nodes of a set as rows, and the buffers that objects among them own.
RowSet rows_of(const graph::Bits& set, const Heap& heap, const Derived& derived, bool buffers) {
  const Graph& graph = *derived.graph;
  RowSet rows;
  for (std::uint32_t n = 0; n < graph.objects(); ++n) {
    if (set[n]) rows.push_back(census::index_of(graph.row(NodeId{n})));
  }
  if (!buffers) return in_order(std::move(rows));
  const auto owners = heap.census.rows.owners();
  const auto flags = heap.census.rows.flags();
  for (std::uint32_t r = 0; r < owners.size(); ++r) {
    if (owners[r] >= owners.size() || (flags[r] & 3) != 0) continue;
    const NodeId node = graph.node(census::RowId{r});
    if (node != NodeId::none && !graph.is_root(node) && set[graph::index_of(node)])
      rows.push_back(r);
  }
  return in_order(std::move(rows));
}

}  // namespace

std::vector<NodeId> nodes_of(const RowSet& rows, const Derived& derived) {
  std::vector<NodeId> nodes;
  nodes.reserve(rows.size());
  for (const std::uint32_t row : rows) {
    if (const auto node = node_of(derived, census::RowId{row})) nodes.push_back(*node);
  }
  return nodes;
}

Result<RowSet> walk(Walk walk, const RowSet& rows, std::uint64_t steps, const RowFilter& filter,
                    const Heap& heap, const Derived& derived, JobControl& job) {
  if (walk == Walk::retained || walk == Walk::dominated) {
    const auto set = graph::retained_set(*derived.graph, nodes_of(rows, derived), job);
    if (!set) return std::unexpected(set.error());
    RowSet all = rows_of(set->nodes, heap, derived, true);
    if (walk == Walk::retained) return all;
    RowSet rest;
    std::set_difference(all.begin(), all.end(), rows.begin(), rows.end(), std::back_inserter(rest));
    return rest;
  }
  if (walk == Walk::closure && steps == 0 && filter == nullptr) {
    const auto set = graph::reached_set(*derived.graph, nodes_of(rows, derived), job);
    if (!set) return std::unexpected(set.error());
    return rows_of(set->nodes, heap, derived, false);
  }
  // Every row that a step reaches once; further steps go on from those that are new.
  const bool closure = walk == Walk::closure;
  RowSet found;
  if (closure) found = rows;
  RowSet edge = rows;
  const std::uint64_t most = steps != 0 ? steps : closure ? UINT64_MAX : 1;
  for (std::uint64_t step = 0; step < most && !edge.empty(); ++step) {
    RowSet next = one_step(closure ? Walk::referents : walk, edge, derived);
    if (filter != nullptr) {
      auto kept = filter(std::move(next));
      if (!kept) return kept;
      next = std::move(*kept);
    }
    edge.clear();
    std::set_difference(next.begin(), next.end(), found.begin(), found.end(),
                        std::back_inserter(edge));
    RowSet all;
    std::set_union(found.begin(), found.end(), edge.begin(), edge.end(), std::back_inserter(all));
    found = std::move(all);
    if (job.cancelled()) return fail(ErrorCode::cancelled, "select", "cancelled");
  }
  return found;
}

Result<std::uint64_t> retained_bytes(const RowSet& rows, const Derived& derived, JobControl& job) {
  const std::vector<NodeId> nodes = nodes_of(rows, derived);
  if (nodes.size() == 1) return derived.dominators->retained[graph::index_of(nodes[0])];
  const auto set = graph::retained_set(*derived.graph, nodes, job);
  if (!set) return std::unexpected(set.error());
  return set->bytes;
}

}  // namespace coreheap::query
