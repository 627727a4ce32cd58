#include "commands/reference_lists.h"

#include "heapparse/python/references.h"

namespace coreheap::commands {

namespace {

enum ListColumn : unsigned { kNumber, kName, kAddress, kType, kLabel, kSize, kStrength, kTimes };

class ListRows final : public RowSource {
 public:
  ListRows(std::shared_ptr<GraphView> view, graph::NodeId of, bool holders,
           std::vector<ListedReference> references)
      : view_(std::move(view)), of_(of), holders_(holders), references_(std::move(references)) {}

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
        const auto names = holders_ ? view_->edges(one.node, of_) : view_->edges(of_, one.node);
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
  graph::NodeId of_;
  bool holders_;
  std::vector<ListedReference> references_;
};

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

std::shared_ptr<const RowSource> reference_list(std::shared_ptr<GraphView> view, graph::NodeId of,
                                                bool holders,
                                                std::vector<ListedReference> references) {
  return std::make_shared<ListRows>(std::move(view), of, holders, std::move(references));
}

}  // namespace coreheap::commands
