#include "commands/reference_lists.h"

#include <fmt/format.h>

#include <algorithm>

#include "commands/figures.h"
#include "commands/screens.h"
#include "heapparse/python/references.h"

namespace coreheap::commands {

namespace {

using graph::NodeId;

struct ListedReference {
  NodeId node = NodeId::none;  // who refers, or who is referred to
  enum class Strength : std::uint8_t { strong, conservative, weak } strength = Strength::strong;
  std::uint32_t times = 1;
};
using Strength = ListedReference::Strength;

enum ListColumn : unsigned { kNumber, kName, kAddress, kType, kLabel, kSize, kStrength, kTimes };

class ListRows final : public RowSource {
 public:
  ListRows(std::shared_ptr<GraphView> view, NodeId of, Direction direction,
           std::vector<ListedReference> references)
      : view_(std::move(view)),
        of_(of),
        direction_(direction),
        references_(std::move(references)) {}

  std::uint64_t size() const override { return references_.size(); }

  void fill(unsigned column, std::span<const std::uint64_t> rows, std::span<Cell> out,
            Texts& texts) const override {
    for (std::size_t i = 0; i < rows.size(); ++i) out[i] = cell(column, rows[i], texts);
  }

 private:
  Cell cell(unsigned column, std::uint64_t row, Texts& texts) const {
    const ListedReference& one = references_[row];
    const bool weak = one.strength == ListedReference::Strength::weak;
    switch (column) {
      case kNumber:
        return Cell::of_count(row + 1);
      case kName: {
        if (weak) return Cell::of_text("<weak>");
        const auto names = direction_ == Direction::referrers ? view_->edges(one.node, of_)
                                                              : view_->edges(of_, one.node);
        return names.front().text.empty() ? Cell::absent()
                                          : Cell::of_text(texts.keep(names.front().text));
      }
      case kAddress: {
        const Address a = view_->address(one.node);
        return a ? Cell::of_address(a) : Cell::absent();
      }
      case kType:
        return Cell::of_text(texts.keep(view_->type(one.node)));
      case kLabel: {
        std::string label = view_->label(one.node);
        return label.empty() ? Cell::absent() : Cell::of_text(texts.keep(std::move(label)));
      }
      case kSize:
        return Cell::of_count(view_->graph().weight(one.node));
      case kStrength:
        return Cell::of_text(weak ? "weak"
                             : one.strength == ListedReference::Strength::conservative
                                 ? "conservative"
                                 : "strong");
      default:
        return Cell::of_count(one.times);
    }
  }

  std::shared_ptr<GraphView> view_;
  NodeId of_;
  Direction direction_;
  std::vector<ListedReference> references_;
};

// Each once, however often it is held; those that hold it weakly behind the others.
std::vector<ListedReference> collect(const graph::Graph& graph, NodeId node, Direction direction) {
  const bool referrers = direction == Direction::referrers;
  std::vector<NodeId> nodes;
  const auto add = [&](NodeId other) { nodes.push_back(other); };
  referrers ? graph.for_each_referrer(node, add) : graph.for_each_referent(node, add);
  std::stable_sort(nodes.begin(), nodes.end());
  std::vector<ListedReference> out;
  for (const NodeId other : nodes) {
    if (!out.empty() && out.back().node == other) {
      ++out.back().times;
      continue;
    }
    const bool guess =
        referrers ? graph.is_conservative(other, node) : graph.is_conservative(node, other);
    out.push_back({other, guess ? Strength::conservative : Strength::strong, 1});
  }
  for (const auto& [self, other] :
       referrers ? graph.weak_referrers(node) : graph.weak_referents(node)) {
    out.push_back({NodeId{other}, Strength::weak, 1});
  }
  return out;
}

}  // namespace

std::vector<Column> reference_list_columns() {
  return {
      {"number", "#", ColumnType::identifier, "row number: the next command takes it as #1"},
      {"name", "", ColumnType::text, "what the holder calls it: .attribute, [index], ['key']"},
      {"address", "", ColumnType::address, "its id()"},
      {"type", "", ColumnType::text, "its type; of a native block its kind"},
      {"label", "", ColumnType::text, "how many items, which module or function"},
      {"size", "", ColumnType::bytes, "its allocation and its buffers"},
      {"strength", "", ColumnType::text, "strong; weak; conservative: a word that looks like it",
       false},
      {"times", "", ColumnType::integer, "references between the two", false},
  };
}

Result<Report> report_references(Context& context, Direction direction) {
  auto opened = GraphView::open(context);
  if (!opened) return std::unexpected(opened.error());
  const std::shared_ptr<GraphView>& view = *opened;
  const auto node = view->node_of(context, context.arguments.words[0]);
  if (!node) return std::unexpected(node.error());
  auto references = collect(view->graph(), *node, direction);

  const bool referrers = direction == Direction::referrers;
  Report report = report_on(view->target());
  report.result_address = view->address(*node);
  const std::string address = hex_text(report.result_address);
  const std::string label = view->label(*node);
  report.add_text(
      "object",
      fmt::format("{} {}{}{} at {}\n", referrers ? "what refers to" : "what is referred to by",
                  view->type(*node), label.empty() ? "" : ", ", label, address));
  for (const ListedReference& one : references) {
    if (report.numbered.size() == kMostNumbered) break;
    report.numbered.push_back(view->address(one.node));
  }
  Table table;
  table.columns = reference_list_columns();
  table.rows = std::make_shared<ListRows>(view, *node, direction, std::move(references));
  const std::string_view name = referrers ? "referrers" : "referents";
  const std::string_view other = referrers ? "referents" : "referrers";
  report.main_name = name;
  report.add(std::string(name), "", std::move(table));
  report.next = {{"why " + address, "the shortest way from a root"},
                 {fmt::format("{} {}", other, address), "the other way round"},
                 {"show " + address, "the object itself"}};
  return report;
}

}  // namespace coreheap::commands
