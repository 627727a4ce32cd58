#include "heapparse/graph/paths.h"

#include <algorithm>

namespace coreheap::graph {
namespace {

// Kinds whose ways are searched together: what comes first is preferred, however long its way.
int group_of(RootKind kind) {
  if (kind == RootKind::modules) return -1;
  if (kind <= RootKind::interpreter) return 0;
  if (kind <= RootKind::c_globals) return 1;
  if (kind <= RootKind::c_stack) return 2;
  return 3 + static_cast<int>(kind);
}

}  // namespace

Path path_along(const Ways& ways, const Graph& graph, NodeId id) {
  Path path;
  if (!graph.is_root(id) && !ways.reached(index_of(id))) return path;
  while (!graph.is_root(id)) {
    path.push_back(id);
    id = NodeId{ways.parent(index_of(id))};
  }
  path.push_back(id);
  std::reverse(path.begin(), path.end());
  return path;
}

Path kept_path(const Graph& graph, NodeId id) {
  Path path;
  for (; id != graph.super_root() && id != NodeId::none; id = graph.parent(id)) path.push_back(id);
  std::reverse(path.begin(), path.end());
  return path;
}

Result<Ways> ways_without(const Graph& graph, std::span<const NodeId> blocked, JobControl& job) {
  Ways ways(graph.objects());
  job.begin_step("following references", graph.objects());
  std::vector<NodeId> blocked_roots;
  for (const NodeId node : blocked) {
    if (graph.is_root(node)) {
      blocked_roots.push_back(node);
    } else {
      ways.block(index_of(node));
    }
  }
  const auto is_blocked = [&](NodeId root) {
    return std::find(blocked_roots.begin(), blocked_roots.end(), root) != blocked_roots.end();
  };
  for (std::size_t r = 0; r < graph.roots().size();) {
    const int group = group_of(graph.roots()[r].kind);
    for (; r < graph.roots().size() && group_of(graph.roots()[r].kind) == group; ++r) {
      const NodeId root = graph.root_id(r);
      if (is_blocked(root)) continue;
      ways.start(index_of(root), graph.root_edges().of(index_of(root)));
    }
    if (auto done = ways.search(graph.forward(), job); !done) return std::unexpected(done.error());
  }
  return ways;
}

Result<std::vector<Path>> paths_by_holder(const Graph& graph, NodeId id,
                                          std::span<const NodeId> excluded, std::size_t limit,
                                          JobControl& job) {
  std::vector<NodeId> blocked(excluded.begin(), excluded.end());
  blocked.push_back(id);
  auto ways = ways_without(graph, blocked, job);
  if (!ways) return std::unexpected(ways.error());
  std::vector<NodeId> holders;
  graph.for_each_referrer(id, [&](NodeId holder) {
    const bool reached = graph.is_root(holder)
                             ? std::find(excluded.begin(), excluded.end(), holder) == excluded.end()
                             : ways->reached(index_of(holder));
    if (reached) holders.push_back(holder);
  });
  std::sort(holders.begin(), holders.end());
  holders.erase(std::unique(holders.begin(), holders.end()), holders.end());
  struct Ranked {
    int group;
    std::size_t length;
    NodeId holder;
    auto operator<=>(const Ranked&) const = default;
  };
  std::vector<Ranked> ranked;
  for (const NodeId holder : holders) {
    std::size_t length = 0;
    NodeId at = holder;
    for (; !graph.is_root(at); at = NodeId{ways->parent(index_of(at))}) ++length;
    ranked.push_back({group_of(graph.root(at).kind), length, holder});
  }
  std::sort(ranked.begin(), ranked.end());
  std::vector<Path> paths;
  for (const Ranked& one : ranked) {
    if (paths.size() == limit) break;
    Path path = path_along(*ways, graph, one.holder);
    path.push_back(id);
    paths.push_back(std::move(path));
  }
  return paths;
}

Result<Path> path_between(const Graph& graph, NodeId from, NodeId to,
                          std::span<const NodeId> excluded, JobControl& job) {
  if (from == to) return Path{from};
  Ways ways(graph.objects());
  for (const NodeId node : excluded) {
    if (!graph.is_root(node)) ways.block(index_of(node));
  }
  std::vector<std::uint32_t> first;
  graph.for_each_referent(from, [&](NodeId node) {
    if (!graph.is_root(node)) first.push_back(index_of(node));
  });
  // Whoever is first takes `from` for a root: ways end there.
  ways.start(graph.size(), first);
  if (auto done = ways.search(graph.forward(), job); !done) return std::unexpected(done.error());
  if (graph.is_root(to) || !ways.reached(index_of(to))) return Path{};
  Path path;
  for (std::uint32_t at = index_of(to); at < graph.size(); at = ways.parent(at)) {
    path.push_back(NodeId{at});
    if (path.back() == from) break;
  }
  if (path.back() != from) path.push_back(from);
  std::reverse(path.begin(), path.end());
  return path;
}

}  // namespace coreheap::graph
