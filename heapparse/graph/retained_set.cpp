#include "heapparse/graph/retained_set.h"

#include "heapparse/graph/paths.h"

namespace coreheap::graph {
namespace {

template <class Wanted>
RetainedSet collect(const Graph& graph, Wanted&& wanted) {
  RetainedSet out;
  out.nodes = Bits(graph.objects());
  for (std::uint32_t i = 0; i < graph.objects(); ++i) {
    if (!wanted(i)) continue;
    out.nodes.set(i);
    ++out.count;
    out.bytes += graph.weight(NodeId{i});
  }
  return out;
}

}  // namespace

Result<RetainedSet> retained_set(const Graph& graph, std::span<const NodeId> set, JobControl& job) {
  auto ways = ways_without(graph, set, job);
  if (!ways) return std::unexpected(ways.error());
  return collect(graph, [&](std::uint32_t i) { return !ways->reached(i); });
}

Result<RetainedSet> reached_set(const Graph& graph, std::span<const NodeId> set, JobControl& job) {
  Ways ways(graph.objects());
  std::vector<std::uint32_t> first;
  for (const NodeId node : set) {
    if (!graph.is_root(node)) {
      first.push_back(index_of(node));
    } else if (node != graph.super_root()) {
      const auto held = graph.root_edges().of(index_of(node));
      first.insert(first.end(), held.begin(), held.end());
    }
  }
  ways.start(graph.size(), first);
  if (auto done = ways.search(graph.forward(), job); !done) return std::unexpected(done.error());
  return collect(graph, [&](std::uint32_t i) { return ways.reached(i); });
}

}  // namespace coreheap::graph
