#include "heapparse/graph/graph.h"

#include <algorithm>

namespace coreheap::graph {

NodeId Graph::node(census::RowId row) const {
  const NodeId id = nodes_.node(row);
  if (id != NodeId::none) return id;
  const auto& rows = census_->rows;
  if (row == census::RowId::none || rows.state(row) != census::State::used) return NodeId::none;
  const census::RowId owner = rows.owner(row);
  return owner == census::RowId::none ? NodeId::none : nodes_.node(owner);
}

NodeId Graph::node_at(Address a) const {
  const NodeId exact = nodes_.find(a);
  return exact != NodeId::none ? exact : node(census_->row_holding(a));
}

bool Graph::is_conservative(NodeId holder, NodeId target) const {
  if (is_root(holder) && holder != super_root()) {
    switch (root(holder).kind) {
      case RootKind::c_globals:
      case RootKind::other_memory:
      case RootKind::c_stack:
        return true;
      default:
        return false;
    }
  }
  return std::binary_search(conservative_.begin(), conservative_.end(),
                            Edge{index_of(holder), index_of(target)});
}

NodeId Graph::parent(NodeId id) const {
  if (id == super_root()) return NodeId::none;
  if (is_root(id)) return super_root();
  return NodeId{ways_.parent(index_of(id))};
}

std::uint32_t Graph::depth(NodeId id) const {
  std::uint32_t depth = 0;
  if (is_root(id)) return 0;
  for (NodeId at = parent(id); !is_root(at); at = parent(at)) ++depth;
  return depth;
}

BigColumn<std::uint32_t> Graph::depths() const {
  constexpr std::uint32_t kUnknown = 0xffffffff;
  BigColumn<std::uint32_t> depths;
  depths.resize(objects());
  std::fill(depths.begin(), depths.end(), kUnknown);
  std::vector<std::uint32_t> way;
  for (std::uint32_t i = 0; i < objects(); ++i) {
    std::uint32_t at = i;
    while (at < objects() && depths[at] == kUnknown) {
      way.push_back(at);
      at = ways_.parent(at);
    }
    std::uint32_t depth = at < objects() ? depths[at] + 1 : 0;
    for (; !way.empty(); way.pop_back()) depths[way.back()] = depth++;
  }
  return depths;
}

NodeId Graph::root_of(NodeId id) const {
  while (!is_root(id)) id = parent(id);
  return id;
}

BigColumn<std::uint32_t> Graph::roots_of_all() const {
  constexpr std::uint32_t kUnknown = 0xffffffff;
  BigColumn<std::uint32_t> roots;
  roots.resize(objects());
  std::fill(roots.begin(), roots.end(), kUnknown);
  std::vector<std::uint32_t> way;
  for (std::uint32_t i = 0; i < objects(); ++i) {
    std::uint32_t at = i;
    while (at < objects() && roots[at] == kUnknown) {
      way.push_back(at);
      at = ways_.parent(at);
    }
    const std::uint32_t root = at < objects() ? roots[at] : at;
    for (; !way.empty(); way.pop_back()) roots[way.back()] = root;
  }
  return roots;
}

std::span<const Edge> Graph::range_of(const std::vector<Edge>& edges, NodeId id) {
  const auto [first, last] =
      std::equal_range(edges.begin(), edges.end(), Edge{index_of(id), 0},
                       [](const Edge& a, const Edge& b) { return a.first < b.first; });
  return {first, last};
}

bool Graph::is_interned_table(NodeId id) const {
  return std::binary_search(interned_tables_.begin(), interned_tables_.end(), index_of(id));
}

std::uint32_t Graph::unexplained(NodeId id) const {
  const auto it = std::lower_bound(
      unexplained_.begin(), unexplained_.end(), index_of(id),
      [](const Unexplained& one, std::uint32_t wanted) { return one.node < wanted; });
  return it != unexplained_.end() && it->node == index_of(id) ? it->left : 0;
}

std::uint64_t Graph::bytes() const {
  const std::uint64_t bits = (held_by_root_.size() + 3 * std::uint64_t{objects()}) / 8;
  return nodes_.bytes() + forward_.bytes() + reverse_.bytes() + ways_.bytes() + bits +
         unexplained_.size() * sizeof(Unexplained) +
         (weak_.size() * 2 + conservative_.size() + garbage_nodes_.size()) * sizeof(Edge);
}

}  // namespace coreheap::graph
