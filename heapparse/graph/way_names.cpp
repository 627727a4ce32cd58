#include "heapparse/graph/way_names.h"

#include <algorithm>
#include <optional>

namespace coreheap::graph {
namespace {

constexpr std::string_view kModules = "sys.modules";

// "['name']" as ".name" where that is how a program would write it.
std::optional<std::string> as_attribute(std::string_view edge) {
  if (!edge.starts_with("['") || !edge.ends_with("']") || edge.size() < 5) return std::nullopt;
  const std::string_view name = edge.substr(2, edge.size() - 4);
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!letter(name.front())) return std::nullopt;
  if (!std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || digit(c); })) {
    return std::nullopt;
  }
  return "." + std::string(name);
}

// "handle() at app.py:12 in thread 7 <local rows>[3]" as "local rows[3] of handle() at app.py:12 in
// thread 7": where lines are cut, the name that the program's reader looks for comes first.
std::optional<std::string> local_first(std::string_view way) {
  constexpr std::string_view kLocal = " <local ";
  const std::size_t at = way.find(kLocal);
  if (at == std::string_view::npos) return std::nullopt;
  const std::size_t end = way.find('>', at);
  if (end == std::string_view::npos) return std::nullopt;
  const std::size_t name = at + kLocal.size();
  return "local " + std::string(way.substr(name, end - name)) + std::string(way.substr(end + 1)) +
         " of " + std::string(way.substr(0, at));
}

}  // namespace

std::vector<WayStep> way_steps(const Graph& graph, EdgeNames& names, const Path& path,
                               std::string_view begin) {
  std::vector<WayStep> steps;
  bool after_namespace = false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (i == 0) {
      const bool root = graph.is_root(path[0]);
      steps.push_back({path[0], root ? graph.root(path[0]).name : std::string(begin), false});
      continue;
    }
    const auto named = names.of(path[i - 1], path[i]);
    WayStep step{path[i], named.front().text, named.front().conservative};
    if (after_namespace) {
      if (auto attribute = as_attribute(step.edge)) step.edge = *attribute;
      steps.back() = step;
    } else if (i == 1 && named.front().names_root) {
      steps.back().edge = step.edge + " in " + steps.back().edge;
      step.edge = steps.back().edge;
      steps.push_back(step);
    } else if (i == 1 && step.edge.empty()) {
      // What a root holds itself is the root, as far as a reader cares: sys.modules.
      step.edge = steps.back().edge;
      steps.push_back(step);
    } else {
      steps.push_back(step);
    }
    after_namespace = named.front().is_dict && i + 1 < path.size();
  }
  return steps;
}

std::string way_text(const std::vector<WayStep>& steps) {
  std::string text;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (i == 1 && steps[1].edge == steps[0].edge) continue;
    if (i > 0 && !steps[i].edge.empty() && steps[i].edge[0] == '<') text += ' ';
    text += steps[i].edge;
  }
  return text;
}

std::string place_text(std::string way) {
  if (auto local = local_first(way)) return *std::move(local);
  if (!way.starts_with(kModules) || way.size() <= kModules.size() + 4) return way;
  const std::size_t at = kModules.size();
  if (way.compare(at, 2, "['") == 0) {
    const std::size_t end = way.find("']", at);
    if (end == std::string::npos) return way;
    return way.substr(at + 2, end - at - 2) + way.substr(end + 2);
  }
  if (way[at] != '.') return way;
  return way.substr(at + 1);
}

std::string place_of(const Graph& graph, EdgeNames& names, NodeId id) {
  return place_text(way_text(way_steps(graph, names, kept_path(graph, id))));
}

std::string node_text(const Graph& graph, const census::Census& census, NodeId id) {
  if (id == graph.super_root()) return "everything";
  if (graph.is_root(id)) return graph.root(id).name;
  const census::RowId row = graph.row(id);
  if (census.rows.holds_object(row)) {
    return census.types[census::index_of(census.rows.type(row))].name;
  }
  const std::string_view detail = census.detail_of(row);
  const bool named = census.label_of(row).kind == census::Kind::cpp_object && !detail.empty();
  return "native: " + std::string(named ? detail : census.kind_of(row));
}

}  // namespace coreheap::graph
