// `dominators`: the heap as a tree in which each object hangs under the one whose end would free
// it.
#include "heapparse/graph/dominators.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/graph_view.h"
#include "commands/screens.h"
#include "commands/words.h"

namespace coreheap::commands {

namespace {

using graph::NodeId;

// Rows of one list: what hangs under nobody may be millions.
constexpr std::size_t kMostListed = 100000;

std::vector<Column> columns() {
  return {
      {"number", "#", ColumnType::identifier, "row number: the next command takes it as #1"},
      {"retained", "", ColumnType::bytes, "what would be freed with it"},
      {"percent", "", ColumnType::percent, "of all bytes in use"},
      {"size", "", ColumnType::bytes, "its allocation and its buffers"},
      {"children", "", ColumnType::integer, "objects that hang under it directly"},
      {"type", "", ColumnType::text, "its type; of a root its name"},
      {"label", "", ColumnType::text, "how many items, which module or function"},
      {"address", "", ColumnType::address, "its id()"},
  };
}

std::vector<Column> group_columns(std::string_view by) {
  return {
      {by, "", ColumnType::text, ""},           {"objects", "", ColumnType::integer, ""},
      {"size", "", ColumnType::bytes, ""},      {"retained", "", ColumnType::bytes, ""},
      {"percent", "", ColumnType::percent, ""},
  };
}

Cell share(const GraphView& view, std::uint64_t bytes) {
  return Cell::of_number(
      100.0 * static_cast<double>(bytes) /
      static_cast<double>(std::max<std::uint64_t>(1, view.graph().total_weight())));
}

struct Line {
  std::uint64_t objects = 0;
  std::uint64_t size = 0;
  std::uint64_t retained = 0;
};

Table group_table(const GraphView& view, std::string_view by, std::map<std::string, Line> groups) {
  std::vector<std::pair<std::string, Line>> lines(groups.begin(), groups.end());
  std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) {
    return a.second.retained > b.second.retained;
  });
  Table table;
  table.columns = group_columns(by);
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const auto& [name, group] : lines) {
    rows->add({Cell::of_text(name), Cell::of_count(group.objects), Cell::of_count(group.size),
               Cell::of_count(group.retained), share(view, group.retained)});
  }
  table.rows = rows;
  return table;
}

// A type retains what its topmost objects do: those that hang under no other of the type, so that
// nothing counts twice. Types overlap: what a list retains, its owner does too.
Table by_type(GraphView& view, const graph::Dominators& dominators, const graph::Csr& tree) {
  const graph::Graph& graph = view.graph();
  const std::size_t types = view.census().types.size();
  const std::size_t kinds = types + view.census().labels.size();
  const auto kind_of = [&](std::uint32_t node) -> std::size_t {
    const census::RowId row = graph.row(NodeId{node});
    const std::size_t type = census::index_of(view.census().rows.type(row));
    return type < types ? type : types + census::index_of(view.census().rows.label(row));
  };
  std::vector<Line> sums(kinds);
  std::vector<NodeId> example(kinds, NodeId::none);
  std::vector<std::uint32_t> above(kinds, 0);  // of the kind, on the way down
  struct Visit {
    std::uint32_t node;
    std::uint32_t next;
  };
  std::vector<Visit> visits{{index_of(graph.super_root()), 0}};
  while (!visits.empty()) {
    Visit& top = visits.back();
    const auto children = tree.of(top.node);
    if (top.next == children.size()) {
      if (top.node < graph.objects()) --above[kind_of(top.node)];
      visits.pop_back();
      continue;
    }
    const std::uint32_t child = children[top.next++];
    if (child < graph.objects()) {
      const std::size_t kind = kind_of(child);
      Line& sum = sums[kind];
      ++sum.objects;
      sum.size += graph.weight(NodeId{child});
      if (above[kind]++ == 0) sum.retained += dominators.retained[child];
      if (example[kind] == NodeId::none) example[kind] = NodeId{child};
    }
    visits.push_back({child, 0});
  }
  std::map<std::string, Line> groups;
  for (std::size_t kind = 0; kind < kinds; ++kind) {
    if (sums[kind].objects == 0) continue;
    Line& group = groups[view.type(example[kind])];
    group.objects += sums[kind].objects;
    group.size += sums[kind].size;
    group.retained += sums[kind].retained;
  }
  return group_table(view, "type", std::move(groups));
}

// Each object counts for the module that its shortest way runs through first, else for the kind of
// root: parts that add up to the heap.
Table by_module(GraphView& view) {
  const graph::Graph& graph = view.graph();
  constexpr std::uint32_t kUnknown = 0xffffffff;
  std::vector<std::string> names;
  std::map<std::string, std::uint32_t> number_of;
  const auto number = [&](std::string name) {
    const auto [it, added] = number_of.try_emplace(name, static_cast<std::uint32_t>(names.size()));
    if (added) names.push_back(std::move(name));
    return it->second;
  };
  std::vector<std::uint32_t> owner(graph.objects(), kUnknown);
  std::vector<Line> sums;
  std::vector<std::uint32_t> way;
  for (std::uint32_t i = 0; i < graph.objects(); ++i) {
    std::uint32_t at = i;
    while (at < graph.objects() && owner[at] == kUnknown) {
      way.push_back(at);
      at = index_of(graph.parent(NodeId{at}));
    }
    // From the root's side on: a module begins a part of its own where none has begun.
    std::uint32_t part =
        at < graph.objects()
            ? owner[at]
            : number("(" + std::string(graph::name_of(graph.root(NodeId{at}).kind)) + ")");
    for (; !way.empty(); way.pop_back()) {
      if (names[part].starts_with("(")) {
        const auto object = view.object(NodeId{way.back()});
        if (object && object->type->shape == python::Shape::module) {
          const std::string label = view.label(NodeId{way.back()});
          if (label.starts_with("module ")) part = number(label.substr(7));
        }
      }
      owner[way.back()] = part;
    }
    sums.resize(names.size());
    ++sums[owner[i]].objects;
    sums[owner[i]].size += graph.weight(NodeId{i});
    sums[owner[i]].retained += graph.weight(NodeId{i});
  }
  std::map<std::string, Line> groups;
  for (std::size_t i = 0; i < sums.size(); ++i) groups[names[i]] = sums[i];
  return group_table(view, "module", std::move(groups));
}

Table children_table(GraphView& view, const graph::Dominators& dominators, const graph::Csr& tree,
                     NodeId of, Report& report) {
  const auto children = tree.of(index_of(of));
  std::vector<std::uint32_t> sorted(children.begin(), children.end());
  std::stable_sort(sorted.begin(), sorted.end(), [&](std::uint32_t a, std::uint32_t b) {
    return dominators.retained[a] > dominators.retained[b];
  });
  Table table;
  table.columns = columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const std::uint32_t child : sorted) {
    if (rows->size() == kMostListed) break;
    const NodeId id{child};
    const std::string label = view.label(id);
    const Address address = view.address(id);
    rows->add({Cell::of_count(rows->size() + 1), Cell::of_count(dominators.retained[child]),
               share(view, dominators.retained[child]), Cell::of_count(view.graph().weight(id)),
               Cell::of_count(tree.of(child).size()), Cell::of_text(view.type(id)),
               label.empty() ? Cell::absent() : Cell::of_text(label),
               address ? Cell::of_address(address) : Cell::absent()});
    if (report.numbered.size() < kMostNumbered) report.numbered.push_back(address);
  }
  table.rows = rows;
  return table;
}

Result<Report> run(Context& context) {
  const auto by = context.arguments.value("by");
  if (by && *by != "type" && *by != "module") {
    return fail(ErrorCode::usage, "--by", "'" + std::string(*by) + "' is not known",
                "type or module");
  }
  auto opened = GraphView::open(context);
  if (!opened) return std::unexpected(opened.error());
  GraphView& view = **opened;
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto dominators = (*target)->dominators(context.job);
  if (!dominators) return std::unexpected(dominators.error());
  Report report = report_on(view.target(), view.census());
  const graph::Csr tree = graph::dominated_children(**dominators);

  if (by) {
    report.main_name = "groups";
    report.add("groups", "", *by == "type" ? by_type(view, **dominators, tree) : by_module(view));
    report.next = {{"dominators", "the tree from its root"}, {"leaks", "suspects"}};
    return report;
  }
  NodeId of = view.graph().super_root();
  if (!context.arguments.words.empty()) {
    const auto nodes = view.nodes_of(context, context.arguments.words);
    if (!nodes) return std::unexpected(nodes.error());
    if (nodes->size() > 1) {
      return fail(ErrorCode::usage, context.arguments.words[0], "more than one object is meant",
                  "retained " + quoted(context.arguments.words[0]));
    }
    of = nodes->front();
    report.result_address = view.address(of);
    const std::string label = view.label(of);
    report.add_text(
        "of", fmt::format("{}{}{} at {} retains {}\n", view.type(of), label.empty() ? "" : ", ",
                          label, hex_text(report.result_address),
                          size_text((*dominators)->retained[index_of(of)])));
    std::string above;
    std::size_t steps = 0;
    for (NodeId at{(*dominators)->idom[index_of(of)]};
         at != NodeId::none && at != view.graph().super_root() && steps < 8;
         at = NodeId{(*dominators)->idom[index_of(at)]}, ++steps) {
      above += fmt::format("  under {}, which retains {}\n", view.type(at),
                           size_text((*dominators)->retained[index_of(at)]));
    }
    if (!above.empty()) report.add_text("above", std::move(above));
  }
  report.main_name = "dominators";
  report.add("dominators", "", children_table(view, **dominators, tree, of, report));
  // The first that has children of its own is where one goes on.
  for (const Address address : report.numbered) {
    if (!address) continue;
    report.next.push_back({"dominators " + hex_text(address), "the parts of one of them"});
    report.next.push_back({"why " + hex_text(address), "the way to it"});
    break;
  }
  report.next.push_back({"dominators --by type", "by type, nothing counted twice"});
  return report;
}

}  // namespace

Command dominators_command() {
  return {
      .name = "dominators",
      .aliases = {},
      .summary = "the heap as a tree of what would be freed with what",
      .description =
          "An object hangs under the one that every way to it runs through: it would be freed "
          "with\n"
          "that one. Shown are those that hang under ADDR (or a row number, #3), or under\n"
          "nobody. Siblings share nothing, so retained sizes of one list add up; those of a "
          "parent\n"
          "and its child do not. --by type sums up the topmost objects of each type. --by module\n"
          "gives each object to the module that its shortest way runs through.",
      .usage = "[ADDR|TYPE]",
      .max_words = 1,
      .options = {{"by", 0, "type|module", "groups instead of the tree"}},
      .columns = columns(),
      .completer = Completer::address,
      .group = Group::holders,
      .cost = Cost::dominators,
      .run = run};
}

}  // namespace coreheap::commands
