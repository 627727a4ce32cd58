// `retained`, `reach` and `whatif`: what hangs on a set of objects, measured three ways. Retained
// is what would be freed with the set, an exact union; reach is all that it leads to, shared or
// not.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/graph_view.h"
#include "commands/screens.h"
#include "commands/words.h"
#include "heapparse/graph/retained_set.h"

namespace coreheap::commands {

namespace {

using graph::NodeId;

std::vector<Column> columns() {
  return {
      {"type", "", ColumnType::text, "type of what hangs on the set; of native blocks their kind"},
      {"objects", "", ColumnType::integer, "how many"},
      {"bytes", "", ColumnType::bytes, "their allocations and buffers"},
      {"percent", "", ColumnType::percent, "of all bytes in use"},
  };
}

Table by_type(GraphView& view, const graph::RetainedSet& set) {
  struct Sum {
    std::uint64_t objects = 0;
    std::uint64_t bytes = 0;
  };
  std::map<std::string, Sum> sums;
  for (std::uint32_t i = 0; i < view.graph().objects(); ++i) {
    if (!set.nodes[i]) continue;
    Sum& sum = sums[view.type(NodeId{i})];
    ++sum.objects;
    sum.bytes += view.graph().weight(NodeId{i});
  }
  std::vector<std::pair<std::string, Sum>> lines(sums.begin(), sums.end());
  std::stable_sort(lines.begin(), lines.end(),
                   [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
  const auto share = [&](std::uint64_t bytes) {
    const std::uint64_t all = std::max<std::uint64_t>(1, view.graph().total_weight());
    return Cell::of_number(100.0 * static_cast<double>(bytes) / static_cast<double>(all));
  };
  Table table;
  table.columns = columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const auto& [name, sum] : lines) {
    rows->add({Cell::of_text(name), Cell::of_count(sum.objects), Cell::of_count(sum.bytes),
               share(sum.bytes)});
  }
  table.rows = rows;
  table.totals = {{"objects", Cell::of_count(set.count)},
                  {"bytes", Cell::of_count(set.bytes)},
                  {"percent", share(set.bytes)}};
  return table;
}

std::string name_of(GraphView& view, const std::vector<NodeId>& nodes) {
  if (nodes.size() > 1) {
    const auto count = with_thousands(static_cast<std::int64_t>(nodes.size()));
    const bool one_type = std::all_of(nodes.begin(), nodes.end(), [&](NodeId id) {
      return view.type(id) == view.type(nodes.front());
    });
    return one_type ? fmt::format("{} {}", count, view.type(nodes.front())) : count + " objects";
  }
  const std::string label = view.label(nodes.front());
  return fmt::format("{}{}{} at {}", view.type(nodes.front()), label.empty() ? "" : ", ", label,
                     hex_text(view.address(nodes.front())));
}

struct Measure {
  Result<graph::RetainedSet> (*of)(const graph::Graph&, std::span<const NodeId>, JobControl&);
  std::string_view section;
  std::string_view sentence;  // "{set} {sentence} {bytes}"
};

Result<Report> measure(Context& context, const Measure& how) {
  auto opened = GraphView::open(context);
  if (!opened) return std::unexpected(opened.error());
  GraphView& view = **opened;
  const auto nodes = view.nodes_of(context, context.arguments.words);
  if (!nodes) return std::unexpected(nodes.error());
  const auto set = how.of(view.graph(), *nodes, context.job);
  if (!set) return std::unexpected(set.error());
  std::uint64_t own = 0;
  for (const NodeId node : *nodes) own += view.graph().weight(node);

  Report report = report_on(view.target());
  if (nodes->size() == 1) report.result_address = view.address(nodes->front());
  KeyValues facts;
  facts.text("set", name_of(view, *nodes));
  facts.count("set_objects", nodes->size());
  facts.bytes("set_size", own);
  facts.count("objects", set->count);
  facts.bytes("bytes", set->bytes);
  const double percent =
      100.0 * static_cast<double>(set->bytes) /
      static_cast<double>(std::max<std::uint64_t>(1, view.graph().total_weight()));
  std::string screen = wrapped(
      fmt::format("{} ({} by itself) {} {} in {} objects and blocks, {} of what is in use.",
                  name_of(view, *nodes), size_text(own), how.sentence, size_text(set->bytes),
                  with_thousands(static_cast<std::int64_t>(set->count)), percent_text(percent)),
      0, 80);
  report.add("set", "", std::move(facts)).screen = std::move(screen);
  report.main_name = how.section;
  report.add(std::string(how.section), "", by_type(view, *set));
  const std::string first = context.arguments.words[0];
  report.next = {{"why " + quoted(first), "what keeps it alive"},
                 {"dominators " + quoted(first), "the parts of it, the largest first"}};
  return report;
}

Result<Report> run_retained(Context& context) {
  return measure(context, {graph::retained_set, "retained", "would take with it"});
}
Result<Report> run_reach(Context& context) {
  return measure(context, {graph::reached_set, "reached", "reaches"});
}
Result<Report> run_whatif(Context& context) {
  auto report = measure(context, {graph::retained_set, "freed", "gone, there would be freed"});
  if (report) {
    report->add_text(
        "caveat",
        "Freed means: given back to the allocators. What they return to the system is\n"
        "another matter.\n");
  }
  return report;
}

constexpr std::size_t kMostWords = 1000;

}  // namespace

Command retained_command() {
  return {
      .name = "retained",
      .aliases = {},
      .summary = "what would be freed with an object or a set of them",
      .description =
          "The bytes and objects that nothing but the set keeps alive, by type: the exact union\n"
          "of the set, nothing counted twice, cycles included, buffers and native blocks counted\n"
          "with those who hold them. A set: addresses, row numbers (#3), types, a query (type ==\n"
          "\"app.Node\" and .closed == true); queries in single quotes where there are several.",
      .usage = "ADDR|TYPE|QUERY...",
      .min_words = 1,
      .max_words = kMostWords,
      .takes_sets = true,
      .columns = columns(),
      .completer = Completer::address,
      .group = Group::holders,
      .cost = Cost::graph,
      .run = run_retained};
}

Command reach_command() {
  return {
      .name = "reach",
      .aliases = {},
      .summary = "all that an object leads to: how deep it is",
      .description =
          "The bytes and objects reachable from the set, by type, whoever else refers to them.\n"
          "What would be freed is less: see retained. A class or a function reaches its module\n"
          "and with it much of the heap. A set: addresses, row numbers (#3), types, a query (type\n"
          "== \"app.Node\" and .closed == true); queries in single quotes where there are several.",
      .usage = "ADDR|TYPE|QUERY...",
      .min_words = 1,
      .max_words = kMostWords,
      .takes_sets = true,
      .columns = columns(),
      .completer = Completer::address,
      .group = Group::holders,
      .cost = Cost::graph,
      .run = run_reach};
}

Command whatif_command() {
  return {
      .name = "whatif",
      .aliases = {},
      .summary = "what removing a set of objects would free",
      .description =
          "As if every reference to the objects of the set were dropped at once: the bytes that\n"
          "would be given back to the allocators, by type. A set: addresses, row numbers (#3),\n"
          "names of types, a query (type == \"app.Node\" and .closed == true); queries in single\n"
          "quotes where there are several.",
      .usage = "ADDR|TYPE|QUERY...",
      .min_words = 1,
      .max_words = kMostWords,
      .takes_sets = true,
      .columns = columns(),
      .completer = Completer::address,
      .group = Group::holders,
      .cost = Cost::graph,
      .run = run_whatif};
}

}  // namespace coreheap::commands
