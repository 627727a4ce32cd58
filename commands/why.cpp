// `why`: the shortest way from a root to an object, with the names that lead there.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/graph_view.h"
#include "commands/query_rows.h"
#include "commands/screens.h"
#include "commands/words.h"

namespace coreheap::commands {

namespace {

using graph::NodeId;
using graph::Path;

std::vector<Column> columns() {
  return {
      {"path", "", ColumnType::identifier, "number of the way, from 1"},
      {"step", "", ColumnType::identifier, "0 is the root"},
      {"edge", "", ColumnType::text, "what the step before calls it"},
      {"type", "", ColumnType::text, "its type; of a native block its kind"},
      {"label", "", ColumnType::text, "how many items, which module or function"},
      {"address", "", ColumnType::address, "its id()"},
      {"size", "", ColumnType::bytes, "its allocation and its buffers"},
      {"conservative", "", ColumnType::boolean, "a word of memory that looks like the reference"},
  };
}

void add_path(FixedRows& rows, GraphView& view, const Path& path, std::uint64_t number) {
  std::uint64_t step = 0;
  for (const graph::WayStep& one : view.steps(path)) {
    const bool root = view.graph().is_root(one.node);
    const std::string label = view.label(one.node);
    rows.add({Cell::of_count(number), Cell::of_count(step++), Cell::of_text(one.edge),
              root ? Cell::of_text(graph::name_of(view.graph().root(one.node).kind))
                   : Cell::of_text(view.type(one.node)),
              label.empty() ? Cell::absent() : Cell::of_text(label),
              view.address(one.node) ? Cell::of_address(view.address(one.node)) : Cell::absent(),
              Cell::of_count(view.graph().weight(one.node)), Cell::of_boolean(one.conservative)});
  }
}

// What the kind of the first step says about the life of the object.
std::string remark_on(const GraphView& view, NodeId root) {
  using graph::RootKind;
  switch (view.graph().root(root).kind) {
    case RootKind::unreachable:
      return "Nothing alive refers to it: it is garbage, and waits for the collector.";
    case RootKind::orphan_block:
      return "Nothing seen points to the block at which this begins: it may be leaked.";
    case RootKind::c_references:
      return "Its refcount counts a reference that nothing seen explains: C code holds it, or "
             "forgot to give it back.";
    case RootKind::c_stack:
    case RootKind::c_globals:
    case RootKind::other_memory:
      return "A word of memory holds its address, and its refcount has room for that reference.";
    case RootKind::immortal:
    case RootKind::static_object:
      return "It is never freed, whoever refers to it.";
    default:
      return {};
  }
}

// Ways of all objects of a set, merged where they run through the same types.
struct Merged {
  std::string text;
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  NodeId example = NodeId::none;
};

// "sys.modules > module app > dict > list > app.Node", repeats of a type folded.
std::string types_on(GraphView& view, const Path& path) {
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
    std::string word = view.type(node);
    if (!view.graph().is_root(node) && view.is_plumbing(node)) {
      const std::string label = view.label(node);
      if (!label.starts_with("module ")) continue;
      word = label;
    }
    if (word == last) {
      ++repeats;
      continue;
    }
    flush();
    last = word;
    repeats = 1;
  }
  flush();
  return text;
}

std::vector<Column> merged_columns() {
  return {{"objects", "", ColumnType::integer, "objects whose shortest way is this"},
          {"bytes", "", ColumnType::bytes, "their allocations and buffers"},
          {"way", "", ColumnType::text, "types on the way, the root first"},
          {"example", "", ColumnType::address, "one of them", false}};
}

Report merged_report(Context& context, GraphView& view, const std::vector<NodeId>& nodes) {
  std::map<std::string, Merged> ways;
  for (const NodeId node : nodes) {
    Merged& one = ways[types_on(view, graph::kept_path(view.graph(), node))];
    ++one.objects;
    one.bytes += view.graph().weight(node);
    if (one.example == NodeId::none) one.example = node;
    if (context.job.cancelled()) break;
  }
  std::vector<std::pair<std::string, Merged>> sorted(ways.begin(), ways.end());
  std::stable_sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return a.second.objects > b.second.objects;
  });
  Table table;
  table.columns = merged_columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  std::string screen;
  Report report = report_on(view.target());
  for (const auto& [text, one] : sorted) {
    rows->add({Cell::of_count(one.objects), Cell::of_count(one.bytes), Cell::of_text(text),
               Cell::of_address(view.address(one.example))});
    report.numbered.push_back(view.address(one.example));
    if (report.numbered.size() > kMostNumbered) continue;
    screen +=
        fmt::format("  #{:<3}{:>10} objects {:>12}\n", report.numbered.size(),
                    with_thousands(static_cast<std::int64_t>(one.objects)), size_text(one.bytes));
    screen += wrapped(text, 7, 80);
  }
  table.rows = rows;
  report.main_name = "ways";
  report.add("ways", "", std::move(table)).screen =
      "WAYS  shortest ones, merged by type\n" + screen;
  report.next = {
      {"why " + hex_text(report.numbered.front()), "one of the first, step by step"},
      {"retained " + quoted(context.arguments.words[0]), "what would be freed with them all"}};
  return report;
}

Result<Report> run(Context& context) {
  auto opened = GraphView::open(context);
  if (!opened) return std::unexpected(opened.error());
  GraphView& view = **opened;
  std::vector<NodeId> excluded;
  const std::string left_out(context.arguments.value("excluding").value_or(""));
  for (const std::string& word :
       is_query(left_out) ? std::vector{left_out} : split_list(left_out)) {
    if (word == "weak") continue;  // weak references hold nothing, so they never lead anywhere
    auto nodes = view.nodes_of(context, std::vector{word});
    if (!nodes) return std::unexpected(nodes.error());
    excluded.insert(excluded.end(), nodes->begin(), nodes->end());
  }
  auto nodes = view.nodes_of(context, context.arguments.words);
  if (!nodes) return std::unexpected(nodes.error());
  if (nodes->size() > 1) return merged_report(context, view, *nodes);
  const NodeId node = nodes->front();

  std::uint64_t limit = 1;
  if (const auto word = context.arguments.value("paths")) {
    const auto number = parse_number(*word, "--paths");
    if (!number) return std::unexpected(number.error());
    limit = std::max<std::uint64_t>(1, *number);
  }
  std::vector<Path> paths;
  if (const auto word = context.arguments.value("to")) {
    auto to = view.node_of(context, *word);
    if (!to) return std::unexpected(to.error());
    auto path = graph::path_between(view.graph(), node, *to, excluded, context.job);
    if (!path) return std::unexpected(path.error());
    if (!path->empty()) paths.push_back(std::move(*path));
  } else if (limit > 1 || !excluded.empty()) {
    auto found = graph::paths_by_holder(view.graph(), node, excluded, limit, context.job);
    if (!found) return std::unexpected(found.error());
    paths = std::move(*found);
  } else {
    paths.push_back(graph::kept_path(view.graph(), node));
  }

  Report report = report_on(view.target());
  report.result_address = view.address(node);
  KeyValues facts;
  facts.address("object", report.result_address);
  facts.text("type", view.type(node));
  facts.text("label", view.label(node));
  facts.bytes("size", view.graph().weight(node));
  facts.count("paths", paths.size());
  Table table;
  table.columns = columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  const std::string label = view.label(node);
  std::string screen =
      fmt::format("{}{}{} at {}, {}\n", view.type(node), label.empty() ? "" : ", ", label,
                  hex_text(report.result_address), size_text(view.graph().weight(node)));
  for (std::size_t i = 0; i < paths.size(); ++i) {
    add_path(*rows, view, paths[i], i + 1);
    facts.text(fmt::format("way_{}", i + 1), view.way_text(paths[i]));
    screen += paths.size() > 1 ? fmt::format("\nWAY {}\n", i + 1) : "\n";
    screen += view.way_lines(paths[i], 2);
    if (view.graph().is_root(paths[i].front())) {
      const std::string remark = remark_on(view, paths[i].front());
      if (!remark.empty()) screen += wrapped(remark, 2, 80);
    }
  }
  if (paths.empty()) {
    screen += context.arguments.has("to") ? "\n  No references lead there.\n"
                                          : "\n  No way from a root is left.\n";
  }
  table.rows = rows;
  report.main_name = "path";
  report.add("object", "", std::move(facts)).screen = "";
  report.add("path", "", std::move(table)).screen = std::move(screen);
  const std::string address = hex_text(report.result_address);
  report.next = {{fmt::format("why {} --paths 5", address), "by other holders, too"},
                 {"retained " + address, "what would be freed with it"},
                 {"referrers " + address, "all that refer to it"}};
  return report;
}

}  // namespace

Command why_command() {
  return {
      .name = "why",
      .aliases = {"path"},
      .summary = "what keeps an object alive: the way from a root, by name",
      .description =
          "The shortest way along references that starts at a root: a module, a running frame,\n"
          "the interpreter; only where none of those leads there, at words of C memory. Of a type\n"
          "or a query the ways of all its objects are shown, merged by the types that they run "
          "through. ADDR\n"
          "may be a row number of the last list (#3 or 3). With --paths, one way for each of "
          "several\n"
          "holders. Weak references hold nothing and are never on a way.",
      .usage = "ADDR|TYPE|QUERY",
      .min_words = 1,
      .max_words = 1,
      .takes_sets = true,
      .options = {{"paths", 'n', "N", "ways by up to N holders of it"},
                  {"excluding", 0, "SET", "what no way may touch: ADDR,TYPE,... or a query"},
                  {"to", 0, "ADDR", "the way from the first to this one instead"}},
      .columns = columns(),
      .completer = Completer::address,
      .group = Group::holders,
      .cost = Cost::graph,
      .run = run};
}

}  // namespace coreheap::commands
