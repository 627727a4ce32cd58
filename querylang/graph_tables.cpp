#include "querylang/graph_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "heapparse/graph/components.h"
#include "heapparse/graph/way_names.h"
#include "querylang/graph_attributes.h"
#include "querylang/graph_stages.h"

namespace coreheap::query {

namespace {

using graph::Graph;
using graph::NodeId;
using graph::Path;

constexpr auto kWays = std::to_array<TableColumn>({
    {"way", Type::integer, "number of the way, from 1"},
    {"step", Type::integer, "0 is the root"},
    {"edge", Type::text, "what the step before calls it; of a root its name"},
    {"type", Type::text, "its type; of a native block its kind, of a root the root's"},
    {"addr", Type::address, "the object or block"},
    {"size", Type::bytes, "its allocation and its buffers"},
    {"conservative", Type::boolean, "a word of memory that looks like the reference"},
});
constexpr auto kWaysByType = std::to_array<TableColumn>({
    {"objects", Type::integer, "rows whose shortest way is this"},
    {"size", Type::bytes, "their allocations and buffers"},
    {"way", Type::text, "types on the way, the root first"},
    {"addr", Type::address, "one of the rows"},
});
constexpr auto kCycles = std::to_array<TableColumn>({
    {"objects", Type::integer, "objects of the cycle"},
    {"bytes", Type::bytes, "their allocations and buffers"},
    {"types", Type::text, "how many of which type"},
    {"addr", Type::address, "one of them"},
    {"garbage", Type::boolean, "no root leads to it"},
});

// Steps of all ways together: a list of ten million links has ways of ten million steps.
constexpr std::uint64_t kMostSteps = std::uint64_t{1} << 26;
// Types that a cycle's text names.
constexpr std::size_t kMostTypes = 4;

Value kept(TableData& table, std::string text) {
  return text.empty() ? Value::none() : Value::of_text(table.texts.keep(std::move(text)));
}

std::string type_on_way(Worker& worker, NodeId node) {
  const Graph& graph = *worker.derived().graph;
  if (graph.is_root(node)) return graph.root(node).name;
  if (graph.is_object(node)) {
    const auto object = worker.decoder()->object(graph.address(node));
    if (object && object->type->shape == python::Shape::module) {
      const auto name = worker.lookup("__name__").find(*worker.decoder(), *object);
      const Value text = name ? worker.value_at(*name) : Value::none();
      if (text.kind == Value::Kind::text) return "module " + std::string(text.text);
    }
  }
  return graph::node_text(graph, worker.heap().census, node);
}

// "sys.modules > module app > list > app.Node": repeats of a type folded, namespaces of modules and
// sys.modules itself left out.
std::string types_on(Worker& worker, const Path& path) {
  const Graph& graph = *worker.derived().graph;
  const census::Census& census = worker.heap().census;
  const auto is_namespace = [&](NodeId node) {
    if (graph.is_root(node) || !graph.is_object(node)) return false;
    for (const auto& one : worker.heap().runtime->interpreters) {
      if (graph.address(node) == one.modules) return true;
    }
    return census.detail_of(graph.row(node)) == "attributes of module";
  };
  std::string text;
  std::string last;
  std::size_t repeats = 0;
  const auto flush = [&] {
    if (last.empty()) return;
    if (!text.empty()) text += " > ";
    text += last;
    if (repeats > 1) text += " ...";
  };
  for (const NodeId node : path) {
    if (is_namespace(node)) continue;
    std::string word = type_on_way(worker, node);
    if (word == last) {
      ++repeats;
      continue;
    }
    flush();
    last = std::move(word);
    repeats = 1;
  }
  flush();
  return text;
}

void add_way(TableData& table, const Path& path, std::uint64_t number, Worker& worker) {
  const Graph& graph = *worker.derived().graph;
  const census::Census& census = worker.heap().census;
  const std::string begin =
      graph.is_root(path[0]) ? std::string() : graph::node_text(graph, census, path[0]);
  std::uint64_t step = 0;
  for (const auto& one : graph::way_steps(graph, worker.edge_names(), path, begin)) {
    const bool root = graph.is_root(one.node);
    const Address address = root ? graph.root(one.node).address : graph.address(one.node);
    table.add({Value::of_count(number), Value::of_count(step++), kept(table, one.edge),
               root ? Value::of_lasting_text(graph::name_of(graph.root(one.node).kind))
                    : kept(table, graph::node_text(graph, census, one.node)),
               address ? Value::of_address(address) : Value::none(),
               Value::of_count(graph.weight(one.node)), Value::of(one.conservative)});
  }
}

// Finds the ways of rows one after the other.
class WayFinder {
 public:
  WayFinder(const WaysWanted& wanted, const Derived& derived, JobControl& job)
      : wanted_(wanted),
        graph_(*derived.graph),
        excluded_(nodes_of(wanted.excluded, derived)),
        job_(job) {}

  Result<std::vector<Path>> of(NodeId node, std::size_t most) {
    if (wanted_.to) {
      const NodeId to = graph_.node_at(*wanted_.to);
      if (to == NodeId::none) {
        return fail(ErrorCode::no_object, fmt::format("0x{:x}", wanted_.to->value),
                    "no object and no block lies there",
                    fmt::format("show 0x{:x}", wanted_.to->value));
      }
      auto path = graph::path_between(graph_, node, to, excluded_, job_);
      if (!path) return std::unexpected(path.error());
      return as_list(std::move(*path));
    }
    if (most > 1) return graph::paths_by_holder(graph_, node, excluded_, most, job_);
    if (excluded_.empty()) return as_list(graph::kept_path(graph_, node));
    if (!around_) {
      auto found = graph::ways_without(graph_, excluded_, job_);
      if (!found) return std::unexpected(found.error());
      around_ = std::move(*found);
    }
    return as_list(graph::path_along(*around_, graph_, node));
  }

 private:
  static std::vector<Path> as_list(Path path) {
    std::vector<Path> paths;
    if (!path.empty()) paths.push_back(std::move(path));
    return paths;
  }

  const WaysWanted& wanted_;
  const Graph& graph_;
  std::vector<NodeId> excluded_;
  JobControl& job_;
  std::optional<graph::Ways> around_;
};

struct Merged {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  NodeId example = NodeId::none;
};

}  // namespace

std::span<const TableColumn> table_columns(GraphTable table) {
  switch (table) {
    case GraphTable::ways:
      return kWays;
    case GraphTable::ways_by_type:
      return kWaysByType;
    case GraphTable::cycles:
      break;
  }
  return kCycles;
}

Result<std::shared_ptr<TableData>> ways(const RowSet& rows, const WaysWanted& wanted,
                                        Worker& worker, std::vector<std::string>& notes,
                                        JobControl& job) {
  const Graph& graph = *worker.derived().graph;
  const std::vector<NodeId> nodes = nodes_of(rows, worker.derived());
  auto table = std::make_shared<TableData>(
      table_columns(wanted.by_type ? GraphTable::ways_by_type : GraphTable::ways).size());
  WayFinder finder(wanted, worker.derived(), job);
  std::map<std::string, Merged> merged;
  std::uint64_t number = 0;
  std::uint64_t steps = 0;
  std::uint64_t without = 0;
  std::size_t done = 0;
  for (; done < nodes.size() && steps < kMostSteps; ++done) {
    if (!wanted.by_type && number >= wanted.limit) break;
    if (job.cancelled()) return fail(ErrorCode::cancelled, "select", "cancelled");
    const auto paths = finder.of(nodes[done], nodes.size() == 1 ? wanted.limit : 1);
    if (!paths) return std::unexpected(paths.error());
    if (paths->empty()) ++without;
    for (const Path& path : *paths) {
      steps += path.size();
      if (!wanted.by_type) {
        add_way(*table, path, ++number, worker);
        continue;
      }
      Merged& one = merged[types_on(worker, path)];
      ++one.objects;
      one.bytes += graph.weight(nodes[done]);
      if (one.example == NodeId::none) one.example = nodes[done];
    }
    worker.texts.clear();
  }
  if (done < nodes.size()) {
    notes.push_back(fmt::format("ways of the first {} of {} rows", done, nodes.size()));
  }
  if (without > 0) {
    notes.push_back(fmt::format("no way leads to {} row{}", without, without == 1 ? "" : "s"));
  }
  if (!wanted.by_type) return table;
  std::vector<std::pair<std::string, Merged>> sorted(merged.begin(), merged.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second.objects > b.second.objects;
  });
  if (sorted.size() > wanted.limit) {
    notes.push_back(fmt::format("{} more kinds of ways", sorted.size() - wanted.limit));
    sorted.resize(wanted.limit);
  }
  for (auto& [text, one] : sorted) {
    table->add({Value::of_count(one.objects), Value::of_count(one.bytes), kept(*table, text),
                Value::of_address(graph.address(one.example))});
  }
  return table;
}

Result<std::shared_ptr<TableData>> cycles(const RowSet& rows, Worker& worker, JobControl& job) {
  const Graph& graph = *worker.derived().graph;
  const census::Census& census = worker.heap().census;
  std::vector<std::uint32_t> members;
  for (const NodeId node : nodes_of(rows, worker.derived())) members.push_back(index_of(node));
  std::sort(members.begin(), members.end());
  const auto found = graph::find_components(graph.forward(), members, job);
  if (!found) return std::unexpected(found.error());
  struct Cycle {
    std::uint64_t bytes = 0;
    std::vector<NodeId> nodes;
  };
  std::map<std::uint32_t, Cycle> by_component;
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (!found->is_cycle[found->of[i]]) continue;
    Cycle& one = by_component[found->of[i]];
    one.nodes.push_back(NodeId{members[i]});
    one.bytes += graph.weight(NodeId{members[i]});
  }
  std::vector<Cycle> sorted;
  sorted.reserve(by_component.size());
  for (auto& [component, one] : by_component) sorted.push_back(std::move(one));
  std::stable_sort(sorted.begin(), sorted.end(), [](const Cycle& a, const Cycle& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.nodes[0] < b.nodes[0];
  });
  auto table = std::make_shared<TableData>(kCycles.size());
  for (const Cycle& one : sorted) {
    std::map<std::string, std::uint64_t> types;
    for (const NodeId node : one.nodes) ++types[graph::node_text(graph, census, node)];
    std::vector<std::pair<std::string, std::uint64_t>> named(types.begin(), types.end());
    std::stable_sort(named.begin(), named.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    std::string text;
    for (std::size_t i = 0; i < named.size() && i < kMostTypes; ++i) {
      text += fmt::format("{}{} {}", i == 0 ? "" : ", ", named[i].second, named[i].first);
    }
    if (named.size() > kMostTypes) text += " ...";
    table->add({Value::of_count(one.nodes.size()), Value::of_count(one.bytes),
                kept(*table, std::move(text)), Value::of_address(graph.address(one.nodes[0])),
                Value::of(graph.is_garbage(one.nodes[0]))});
  }
  return table;
}

Result<void> add_references(TableData& table, const Heap& heap, const Derived& derived,
                            JobControl& job) {
  const Graph& graph = *derived.graph;
  const std::uint64_t all = graph.forward().targets.size();
  if (all > kMostReferences) {
    return fail(ErrorCode::not_enough_room, "from refs",
                fmt::format("{} references are more than a table of them may have", all),
                "QUERY | referents  (what some rows refer to)");
  }
  const auto type_of = [&](NodeId node) {
    const census::RowId row = graph.row(node);
    if (!heap.census.rows.holds_object(row)) {
      return Value::of_lasting_text(heap.census.kind_of(row));
    }
    return Value::of_lasting_text(
        heap.census.types[census::index_of(heap.census.rows.type(row))].name);
  };
  job.begin_step("listing references", all);
  for (std::uint32_t i = 0; i < graph.objects(); ++i) {
    if (i % 65536 == 0 && job.cancelled()) {
      return fail(ErrorCode::cancelled, "select", "cancelled");
    }
    const NodeId holder{i};
    graph.for_each_referent(holder, [&](NodeId target) {
      table.add({Value::of_address(graph.address(holder)), type_of(holder),
                 Value::of_address(graph.address(target)), type_of(target)});
    });
  }
  return {};
}

}  // namespace coreheap::query
