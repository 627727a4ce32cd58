// `referrers`: all that refer to an object.
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
  graph.for_each_referrer(node, [&](NodeId other) { nodes.push_back(other); });
  std::stable_sort(nodes.begin(), nodes.end());
  std::vector<ListedReference> out;
  for (const NodeId other : nodes) {
    if (!out.empty() && out.back().node == other) {
      ++out.back().times;
      continue;
    }
    const bool guess = graph.is_conservative(other, node);
    out.push_back({other, guess ? Strength::conservative : Strength::strong, 1});
  }
  for (const auto& [self, other] : graph.weak_referrers(node)) {
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
  report.add_text("object", fmt::format("{} {}{}{} at {}\n", "what refers to", view->type(*node),
                                        label.empty() ? "" : ", ", label, address));
  for (const ListedReference& one : references) {
    if (report.numbered.size() == kMostNumbered) break;
    report.numbered.push_back(view->address(one.node));
  }
  Table table;
  table.columns = reference_list_columns();
  table.rows = reference_list(view, *node, true, std::move(references));
  report.main_name = "referrers";
  report.add("referrers", "", std::move(table));
  report.next = {{"why " + address, "the shortest way from a root"},
                 {"referents " + address, "the other way round"},
                 {"show " + address, "the object itself"}};
  return report;
}

}  // namespace

Command referrers_command() {
  return {
      .name = "referrers",
      .aliases = {},
      .summary = "everything that refers to an object",
      .description =
          "One row a holder, with the first name under which it holds the object. Roots are\n"
          "holders too: frames, modules, words of C memory. Weak references are listed last, and\n"
          "marked; they keep nothing alive. ADDR may lie inside the object or in its buffers.",
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
