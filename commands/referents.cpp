// `referents`: all that an object refers to.
#include <fmt/format.h>

#include <algorithm>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/graph_view.h"
#include "commands/reference_lists.h"
#include "commands/screens.h"

namespace coreheap::commands {

namespace {

using graph::NodeId;
using Strength = ListedReference::Strength;

// Each once, however often it is held; those that hold it weakly behind the others.
std::vector<ListedReference> collect(const graph::Graph& graph, NodeId node) {
  std::vector<NodeId> nodes;
  graph.for_each_referent(node, [&](NodeId other) { nodes.push_back(other); });
  std::stable_sort(nodes.begin(), nodes.end());
  std::vector<ListedReference> out;
  for (const NodeId other : nodes) {
    if (!out.empty() && out.back().node == other) {
      ++out.back().times;
      continue;
    }
    const bool guess = graph.is_conservative(node, other);
    out.push_back({other, guess ? Strength::conservative : Strength::strong, 1});
  }
  for (const auto& [self, other] : graph.weak_referents(node)) {
    out.push_back({NodeId{other}, Strength::weak, 1});
  }
  return out;
}

Result<Report> run(Context& context) {
  auto opened = GraphView::open(context);
  if (!opened) return std::unexpected(opened.error());
  const std::shared_ptr<GraphView>& view = *opened;
  const auto node = view->node_of(context, context.arguments.words[0]);
  if (!node) return std::unexpected(node.error());
  auto references = collect(view->graph(), *node);

  Report report = report_on(view->target());
  report.result_address = view->address(*node);
  const std::string address = hex_text(report.result_address);
  const std::string label = view->label(*node);
  report.add_text("object",
                  fmt::format("{} {}{}{} at {}\n", "what is referred to by", view->type(*node),
                              label.empty() ? "" : ", ", label, address));
  for (const ListedReference& one : references) {
    if (report.numbered.size() == kMostNumbered) break;
    report.numbered.push_back(view->address(one.node));
  }
  Table table;
  table.columns = reference_list_columns();
  table.rows = reference_list(view, *node, false, std::move(references));
  report.main_name = "referents";
  report.add("referents", "", std::move(table));
  report.next = {{"why " + address, "the shortest way from a root"},
                 {"referrers " + address, "the other way round"},
                 {"show " + address, "the object itself"}};
  return report;
}

}  // namespace

Command referents_command() {
  return {.name = "referents",
          .aliases = {"refs"},
          .summary = "everything that an object refers to",
          .description =
              "One row an object referred to, with the first name under which it is held. What\n"
              "gc.get_referents leaves out is listed too (keys, names, code); a weak reference's\n"
              "referent stands last, and marked. ADDR may lie inside the object or in its buffers.",
          .usage = "ADDR",
          .min_words = 1,
          .max_words = 1,
          .columns = reference_list_columns(),
          .completer = Completer::address,
          .group = Group::holders,
          .cost = Cost::graph,
          .run = run};
}

}  // namespace coreheap::commands
