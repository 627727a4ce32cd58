#include "commands/native_holders.h"

namespace coreheap::commands {

using graph::NodeId;

std::vector<NodeId> holders_of_native_blocks(const graph::Graph& graph) {
  std::vector<NodeId> holders(graph.objects(), NodeId::none);
  std::vector<std::uint32_t> way;
  const auto is_open = [&](std::uint32_t node) {
    return node < graph.objects() && !graph.is_object(NodeId{node});
  };
  for (std::uint32_t i = 0; i < graph.objects(); ++i) {
    std::uint32_t at = i;
    while (is_open(at) && holders[at] == NodeId::none) {
      way.push_back(at);
      at = graph::index_of(graph.parent(NodeId{at}));
    }
    const NodeId holder = is_open(at) ? holders[at] : NodeId{at};
    for (; !way.empty(); way.pop_back()) holders[way.back()] = holder;
  }
  return holders;
}

std::vector<bool> native_rows_with_owner(const graph::Graph& graph, std::size_t rows) {
  std::vector<bool> held(rows);
  const std::vector<NodeId> holders = holders_of_native_blocks(graph);
  for (std::uint32_t i = 0; i < holders.size(); ++i) {
    if (holders[i] == NodeId::none || graph.is_root(holders[i])) continue;
    held[census::index_of(graph.row(NodeId{i}))] = true;
  }
  return held;
}

}  // namespace coreheap::commands
