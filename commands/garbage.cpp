// `garbage`: what gc.collect() would free now, without collecting: objects that only refer to one
// another, by cycle, and what hangs on them.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/graph_view.h"
#include "commands/screens.h"
#include "heapparse/python/types/finalizer.h"

namespace coreheap::commands {

namespace {

using graph::NodeId;

std::vector<Column> columns() {
  return {
      {"number", "#", ColumnType::identifier, "row number: the next command takes it as #1"},
      {"islands", "", ColumnType::integer, "how many there are that are made alike"},
      {"objects", "", ColumnType::integer,
       "objects of these islands, what hangs on their cycles included"},
      {"bytes", "", ColumnType::bytes, "their allocations and buffers"},
      {"cycle", "", ColumnType::integer, "objects of the largest cycle of one"},
      {"types", "", ColumnType::text, "what one is made of"},
      {"edge", "", ColumnType::text, "a reference of the cycle: cut there, refcounts free it"},
      {"finalizer", "", ColumnType::boolean, "an object has a __del__", false},
      {"address", "", ColumnType::address, "an object of the cycle"},
  };
}

std::vector<Column> object_columns() {
  return {{"object", "", ColumnType::address, "its id()"},
          {"type", "", ColumnType::text, "its type"},
          {"size", "", ColumnType::bytes, "its allocation and its buffers"},
          {"component", "", ColumnType::identifier, "objects of one cycle have one number"},
          {"cyclic", "", ColumnType::boolean, "part of a cycle; else it hangs on one"}};
}

// One island, or all that are made alike: of as many objects of the same types, with cycles of one
// size. Thousands of them, as a cache leaves them that was thrown away, are one row.
struct Island {
  std::uint64_t islands = 1;
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  std::uint64_t cycle = 0;
  NodeId example = NodeId::none;
  std::map<std::string, std::uint64_t> types;
};

// Islands: garbage that hangs together, told apart by following references both ways.
class Islands {
 public:
  Islands(GraphView& view, bool each) : view_(view), graph_(view.graph()), each_(each) {
    const auto& garbage = graph_.garbage();
    island_.assign(garbage.size(), kNone);
    std::vector<std::uint64_t> sizes;
    for (const std::uint32_t c : graph_.garbage_components()) {
      if (c >= sizes.size()) sizes.resize(c + 1);
      ++sizes[c];
    }
    for (std::uint32_t i = 0; i < garbage.size(); ++i) {
      if (island_[i] != kNone) continue;
      gather(i, sizes);
    }
    std::stable_sort(islands_.begin(), islands_.end(),
                     [](const Island& a, const Island& b) { return a.bytes > b.bytes; });
  }
  // Most bytes first.
  const std::vector<Island>& all() const { return islands_; }
  std::uint64_t count() const { return count_; }

 private:
  static constexpr std::uint32_t kNone = 0xffffffff;

  std::uint32_t place(NodeId id) const {
    const auto& garbage = graph_.garbage();
    const auto it = std::lower_bound(garbage.begin(), garbage.end(), graph::index_of(id));
    return it != garbage.end() && *it == graph::index_of(id)
               ? static_cast<std::uint32_t>(it - garbage.begin())
               : kNone;
  }

  void gather(std::uint32_t first, const std::vector<std::uint64_t>& sizes) {
    const auto number = static_cast<std::uint32_t>(count_++);
    Island island;
    std::vector<std::uint32_t> open{first};
    island_[first] = number;
    while (!open.empty()) {
      const std::uint32_t at = open.back();
      open.pop_back();
      const NodeId id{graph_.garbage()[at]};
      ++island.objects;
      island.bytes += graph_.weight(id);
      ++island.types[view_.type(id)];
      const std::uint32_t c = graph_.garbage_components()[at];
      if (graph_.garbage_component_is_cycle(c) &&
          (island.example == NodeId::none || sizes[c] > island.cycle)) {
        island.cycle = sizes[c];
        island.example = id;
      }
      const auto enter = [&](NodeId other) {
        const std::uint32_t there = place(other);
        if (there == kNone || island_[there] != kNone) return;
        island_[there] = number;
        open.push_back(there);
      };
      graph_.for_each_referent(id, enter);
      graph_.for_each_referrer(id, enter);
    }
    if (island.example == NodeId::none) island.example = NodeId{graph_.garbage()[first]};
    if (each_) {
      islands_.push_back(std::move(island));
      return;
    }
    const auto [it, is_new] = alike_.try_emplace({island.cycle, island.types}, islands_.size());
    if (is_new) {
      islands_.push_back(std::move(island));
      return;
    }
    Island& alike = islands_[it->second];
    ++alike.islands;
    alike.objects += island.objects;
    alike.bytes += island.bytes;
  }

  GraphView& view_;
  const graph::Graph& graph_;
  bool each_;
  std::vector<std::uint32_t> island_;  // of each garbage object; kNone: not seen yet
  std::uint64_t count_ = 0;
  std::vector<Island> islands_;
  std::map<std::pair<std::uint64_t, std::map<std::string, std::uint64_t>>, std::size_t> alike_;
};

std::string types_text(const Island& island) {
  std::vector<std::pair<std::string, std::uint64_t>> types(island.types.begin(),
                                                           island.types.end());
  std::stable_sort(types.begin(), types.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (std::size_t i = 0; i < types.size() && i < 3; ++i) {
    if (i > 0) text += ", ";
    text += types[i].second > 1 ? fmt::format("{} x {}", types[i].second, types[i].first)
                                : types[i].first;
  }
  if (types.size() > 3) text += ", ...";
  return text;
}

// A reference from one object of the cycle to the next.
std::string edge_text(GraphView& view, NodeId id) {
  const auto& garbage = view.graph().garbage();
  const auto component = [&](NodeId node) -> std::int64_t {
    const auto it = std::lower_bound(garbage.begin(), garbage.end(), graph::index_of(node));
    if (it == garbage.end() || *it != graph::index_of(node)) return -1;
    return view.graph().garbage_components()[static_cast<std::size_t>(it - garbage.begin())];
  };
  NodeId next = NodeId::none;
  view.graph().for_each_referent(id, [&](NodeId other) {
    if (next == NodeId::none && component(other) == component(id)) next = other;
  });
  if (next == NodeId::none) return {};
  return view.type(id) + view.edges(id, next).front().text;
}

// Does the class, or one of its bases, define __del__? Only names are compared.
bool has_finalizer(GraphView& view, const Island& island) {
  for (const auto& [name, count] : island.types) {
    for (const auto& type : view.types()->all()) {
      if (type.name == name && python::has_python_finalizer(view.decoder(), type)) return true;
    }
  }
  return false;
}

Report object_report(GraphView& view) {
  Report report = report_on(view.target(), view.census());
  Table table;
  table.columns = object_columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  const auto& garbage = view.graph().garbage();
  for (std::size_t i = 0; i < garbage.size(); ++i) {
    const NodeId id{garbage[i]};
    const std::uint32_t c = view.graph().garbage_components()[i];
    rows->add({Cell::of_address(view.address(id)), Cell::of_text(view.type(id)),
               Cell::of_count(view.graph().weight(id)), Cell::of_count(c),
               Cell::of_boolean(view.graph().garbage_component_is_cycle(c))});
  }
  table.rows = rows;
  report.main_name = "objects";
  report.add("objects", "", std::move(table));
  report.next = {{"garbage", "the same by cycle"}};
  return report;
}

Result<Report> run(Context& context) {
  auto opened = GraphView::open(context);
  if (!opened) return std::unexpected(opened.error());
  GraphView& view = **opened;
  if (!view.has_python()) {
    return fail(ErrorCode::no_python, view.target().image().source, "no CPython runtime is inside");
  }
  if (context.arguments.has("objects")) return object_report(view);
  const Islands islands(view, context.arguments.has("each"));
  Report report = report_on(view.target(), view.census());
  Table table;
  table.columns = columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  std::uint64_t bytes = 0;
  for (const Island& island : islands.all()) {
    bytes += island.bytes;
    const std::string edge = edge_text(view, island.example);
    rows->add({Cell::of_count(rows->size() + 1), Cell::of_count(island.islands),
               Cell::of_count(island.objects), Cell::of_count(island.bytes),
               Cell::of_count(island.cycle), Cell::of_text(types_text(island)),
               edge.empty() ? Cell::absent() : Cell::of_text(edge),
               Cell::of_boolean(has_finalizer(view, island)),
               Cell::of_address(view.address(island.example))});
    if (report.numbered.size() < kMostNumbered) {
      report.numbered.push_back(view.address(island.example));
    }
  }
  table.rows = rows;
  const std::uint64_t objects = view.graph().garbage().size();
  table.totals = {{"islands", Cell::of_count(islands.count())},
                  {"objects", Cell::of_count(objects)},
                  {"bytes", Cell::of_count(bytes)}};
  KeyValues facts;
  facts.count("objects", objects);
  facts.bytes("bytes", bytes);
  facts.count("islands", islands.count());
  report.add("summary", "", std::move(facts)).screen =
      objects == 0
          ? "No garbage: a collection would free nothing.\n"
          : fmt::format("A collection would free {} objects, {}, in {} island{}.\n",
                        with_thousands(static_cast<std::int64_t>(objects)), size_text(bytes),
                        with_thousands(static_cast<std::int64_t>(islands.count())),
                        islands.count() == 1 ? "" : "s");
  report.main_name = "islands";
  Section& section = report.add("islands", "", std::move(table));
  if (objects == 0) section.screen = "";
  report.next = {{"gc", "the collector's settings and counts"}};
  if (!report.numbered.empty()) {
    report.next.push_back(
        {"referrers " + hex_text(report.numbered.front()), "around the first cycle"});
  }
  return report;
}

}  // namespace

Command garbage_command() {
  return {
      .name = "garbage",
      .aliases = {},
      .summary = "what gc.collect() would free: cycles, their size, where to cut",
      .description =
          "Objects whose refcounts are all explained by one another: nothing alive refers to\n"
          "them. An island is a set of them that hangs together; those that are made alike, of as\n"
          "many objects of the same types, are one row, or with --each a row each. cycle counts\n"
          "the objects of the largest strongly connected part. Nothing is collected. Objects with\n"
          "a __del__ may revive others when a real collection runs it. --objects lists them one\n"
          "by one.",
      .usage = "",
      .options = {{"each", 0, "", "one row an island"}, {"objects", 0, "", "one row an object"}},
      .columns = columns(),
      .group = Group::holders,
      .cost = Cost::graph,
      .run = run};
}

}  // namespace coreheap::commands
