// `orphans`: native blocks that nothing points to, and the refcount audit: objects whose refcount
// counts references that no object holds, with what was found instead.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/graph_view.h"
#include "commands/screens.h"

namespace coreheap::commands {

namespace {

using graph::NodeId;
using graph::RootKind;
using graph::Unexplained;

std::vector<Column> block_columns() {
  return {{"size", "", ColumnType::bytes, "of one block"},
          {"blocks", "", ColumnType::integer, "blocks of that size that nothing points to"},
          {"bytes", "", ColumnType::bytes, "all together"},
          {"kind", "", ColumnType::text, "what they hold"},
          {"example", "", ColumnType::address, "one of them"}};
}

std::vector<Column> audit_columns() {
  return {{"type", "", ColumnType::text, "type of the objects"},
          {"objects", "", ColumnType::integer, "objects with references nothing seen holds"},
          {"missing", "", ColumnType::integer, "references that no object and no frame holds"},
          {"left", "", ColumnType::integer, "of them: no word of memory either"},
          {"cause", "", ColumnType::text, "where the words were found"},
          {"bytes", "", ColumnType::bytes, "what the objects take"},
          {"example", "", ColumnType::address, "one of them"}};
}

std::vector<Column> object_columns() {
  return {{"object", "", ColumnType::address, "its id()"},
          {"type", "", ColumnType::text, "its type"},
          {"missing", "", ColumnType::integer, "references that no object and no frame holds"},
          {"left", "", ColumnType::integer, "of them: no word of memory either"},
          {"cause", "", ColumnType::text, "where the words were found"}};
}

std::string cause_of(std::uint16_t found_in) {
  std::string text;
  const auto add = [&](std::string_view one) {
    if (!text.empty()) text += ", ";
    text += one;
  };
  const auto has = [&](RootKind kind) {
    return ((found_in >> static_cast<unsigned>(kind)) & 1) != 0;
  };
  if (has(RootKind::thread)) add("running frame");
  if (has(RootKind::interpreter)) add("runtime state");
  if ((found_in & Unexplained::kInGuess) != 0) add("state of a module or C type");
  if (has(RootKind::c_globals)) add("C globals");
  if ((found_in & Unexplained::kInBlock) != 0) add("native block");
  if (has(RootKind::other_memory)) add("other memory");
  if (has(RootKind::c_stack)) add("C stack");
  return text.empty() ? "nothing found" : text;
}

Table block_table(GraphView& view, std::uint64_t& count, std::uint64_t& bytes) {
  struct Sum {
    std::uint64_t blocks = 0;
    NodeId example = NodeId::none;
  };
  std::map<std::pair<std::uint64_t, std::string>, Sum> sums;
  const graph::Graph& graph = view.graph();
  for (std::uint32_t i = 0; i < graph.objects(); ++i) {
    const NodeId id{i};
    if (graph.is_object(id) || graph.is_reachable(id)) continue;
    if (graph.root(graph.root_of(id)).kind != RootKind::orphan_block) continue;
    Sum& sum = sums[{graph.weight(id), view.type(id)}];
    ++sum.blocks;
    if (sum.example == NodeId::none) sum.example = id;
    ++count;
    bytes += graph.weight(id);
  }
  std::vector<std::pair<std::pair<std::uint64_t, std::string>, Sum>> lines(sums.begin(),
                                                                           sums.end());
  std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) {
    return a.first.first * a.second.blocks > b.first.first * b.second.blocks;
  });
  Table table;
  table.columns = block_columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const auto& [key, sum] : lines) {
    rows->add({Cell::of_count(key.first), Cell::of_count(sum.blocks),
               Cell::of_count(key.first * sum.blocks), Cell::of_text(key.second),
               Cell::of_address(view.address(sum.example))});
  }
  table.rows = rows;
  table.totals = {{"blocks", Cell::of_count(count)}, {"bytes", Cell::of_count(bytes)}};
  return table;
}

Table audit_table(GraphView& view, bool all) {
  struct Sum {
    std::uint64_t objects = 0;
    std::uint64_t missing = 0;
    std::uint64_t left = 0;
    std::uint64_t bytes = 0;
    NodeId example = NodeId::none;
  };
  std::map<std::pair<std::string, std::string>, Sum> sums;
  for (const Unexplained& one : view.graph().unexplained()) {
    if (one.left == 0 && !all) continue;
    const NodeId id{one.node};
    Sum& sum = sums[{view.type(id), cause_of(one.found_in)}];
    ++sum.objects;
    sum.missing += one.missing;
    sum.left += one.left;
    sum.bytes += view.graph().weight(id);
    if (sum.example == NodeId::none) sum.example = id;
  }
  std::vector<std::pair<std::pair<std::string, std::string>, Sum>> lines(sums.begin(), sums.end());
  std::stable_sort(lines.begin(), lines.end(),
                   [](const auto& a, const auto& b) { return a.second.left > b.second.left; });
  Table table;
  table.columns = audit_columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const auto& [key, sum] : lines) {
    rows->add({Cell::of_text(key.first), Cell::of_count(sum.objects), Cell::of_count(sum.missing),
               Cell::of_count(sum.left), Cell::of_text(key.second), Cell::of_count(sum.bytes),
               Cell::of_address(view.address(sum.example))});
  }
  table.rows = rows;
  return table;
}

Report object_report(GraphView& view) {
  Report report = report_on(view.target(), view.census());
  Table table;
  table.columns = object_columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const Unexplained& one : view.graph().unexplained()) {
    const NodeId id{one.node};
    rows->add({Cell::of_address(view.address(id)), Cell::of_text(view.type(id)),
               Cell::of_count(one.missing), Cell::of_count(one.left),
               Cell::of_text(cause_of(one.found_in))});
  }
  for (const std::uint32_t node : view.graph().overcounted()) {
    rows->add({Cell::of_address(view.address(NodeId{node})), Cell::of_text(view.type(NodeId{node})),
               Cell::of_count(0), Cell::of_count(0),
               Cell::of_text("counts fewer than were found")});
  }
  table.rows = rows;
  report.main_name = "objects";
  report.add("objects", "", std::move(table));
  report.next = {{"orphans", "the same by type"}};
  return report;
}

Result<Report> run(Context& context) {
  auto opened = GraphView::open(context);
  if (!opened) return std::unexpected(opened.error());
  GraphView& view = **opened;
  if (context.arguments.has("objects")) return object_report(view);
  const graph::AuditSums& audit = view.graph().audit();
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
  Table block_rows = block_table(view, blocks, bytes);

  std::uint64_t middle = 0;
  for (const std::uint32_t node : view.graph().held_by_middle()) {
    middle += view.graph().weight(NodeId{node});
  }

  Report report = report_on(view.target(), view.census());
  KeyValues facts;
  facts.count("orphan_blocks", blocks);
  facts.bytes("orphan_bytes", bytes);
  facts.count("held_by_middle", view.graph().held_by_middle().size());
  facts.bytes("held_by_middle_bytes", middle);
  facts.count("mortal", audit.mortal);
  facts.count("exact", audit.exact);
  facts.count("missing", audit.missing);
  facts.count("left", audit.left);
  facts.count("over", audit.over);
  facts.count("dangling", view.graph().dangling());
  std::string screen =
      fmt::format("{} native blocks, {}, have nothing that points to them.\n",
                  with_thousands(static_cast<std::int64_t>(blocks)), size_text(bytes));
  if (middle > 0) {
    screen += wrapped(
        fmt::format("{} more, {}, are held by words that point into their middle alone.",
                    with_thousands(static_cast<std::int64_t>(view.graph().held_by_middle().size())),
                    size_text(middle)),
        0, 80);
  }
  if (audit.mortal > 0) {
    const double percent =
        100.0 * static_cast<double>(audit.exact) / static_cast<double>(audit.mortal);
    const auto n = [](std::uint64_t count) {
      return with_thousands(static_cast<std::int64_t>(count));
    };
    screen += wrapped(
        fmt::format(
            "Of {} objects that can be freed, {} ({:.2f} %) have just the refcount that other "
            "objects and frames explain; {} count more, {} of them more than words of memory "
            "explain; {} count fewer.",
            n(audit.mortal), n(audit.exact), percent, n(audit.missing), n(audit.left),
            n(audit.over)),
        0, 80);
  }
  report.add("summary", "", std::move(facts)).screen = std::move(screen);
  report.main_name = "audit";
  report.add("blocks", "NATIVE BLOCKS NOTHING POINTS TO", std::move(block_rows));
  report.add("audit", "REFERENCES ONLY C CODE CAN HOLD",
             audit_table(view, context.arguments.has("all")));
  report.next = {{"orphans --all", "with those that words of memory explain"},
                 {"native", "native memory by who holds it"}};
  return report;
}

}  // namespace

Command orphans_command() {
  return {
      .name = "orphans",
      .aliases = {},
      .summary = "native blocks nothing points to; references that only C code holds",
      .description =
          "A native block is an orphan when no object, no other block, no C global and no stack\n"
          "has a word that is its address, or that points into its middle: leaked, as far as\n"
          "words can tell. Blocks that only words into their middle hold are counted beside. The\n"
          "audit compares refcounts with the references that were found: what is counted beyond\n"
          "is held by C code, or leaked by it. --all lists too those whose missing references\n"
          "words of memory explain; --objects lists all of them one by one.",
      .usage = "",
      .options = {{"all", 0, "", "explained ones, too"}, {"objects", 0, "", "one row an object"}},
      .columns = audit_columns(),
      .group = Group::holders,
      .cost = Cost::graph,
      .run = run};
}

}  // namespace coreheap::commands
