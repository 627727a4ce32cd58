#include "commands/reference_rows.h"

#include <algorithm>

#include "heapparse/python/references.h"

namespace coreheap::commands {

namespace {

constexpr std::size_t kHoldersPerPiece = 1 << 14;

enum EdgeColumn : unsigned { kHolder, kTarget, kName, kKind, kSkipped, kCounted, kGuess };

std::string_view name_of(python::EdgeKind kind) {
  using python::EdgeKind;
  switch (kind) {
    case EdgeKind::field:
      return "field";
    case EdgeKind::attribute:
      return "attribute";
    case EdgeKind::slot:
      return "slot";
    case EdgeKind::item:
      return "item";
    case EdgeKind::key:
      return "key";
    case EdgeKind::value:
      return "value";
    case EdgeKind::member:
      return "member";
    case EdgeKind::local:
      return "local";
    case EdgeKind::stack:
      return "stack";
    case EdgeKind::type:
      return "type";
    case EdgeKind::state:
      return "state";
  }
  return "";
}

class ReferenceRows final : public RowSource {
 public:
  ReferenceRows(const image::Image& image, const python::Runtime& runtime,
                const python::TypeTable& types)
      : image_(image), runtime_(runtime), types_(types), decoder_(image.space, runtime, types) {}

  Result<void> count(const census::Census& census, JobControl& job) {
    for (std::uint32_t i = 0; i < census.rows.size(); ++i) {
      const census::RowId row{i};
      if (census.rows.state(row) != census::State::used || !census.rows.holds_object(row)) continue;
      holders_.push_back(census.rows.object(row));
    }
    ends_.resize(holders_.size());
    job.begin_step("counting references", holders_.size());
    const std::size_t pieces = (holders_.size() + kHoldersPerPiece - 1) / kHoldersPerPiece;
    const auto done = parallel_for(pieces, job, [&](std::size_t piece, unsigned) {
      python::Decoder decoder(image_.space, runtime_, types_);
      const std::size_t end = std::min(holders_.size(), (piece + 1) * kHoldersPerPiece);
      for (std::size_t i = piece * kHoldersPerPiece; i < end; ++i) {
        std::uint64_t n = 0;
        if (const auto object = decoder.object(holders_[i])) {
          python::for_each_reference(decoder, *object, [&](const python::Reference&) { ++n; });
        }
        ends_[i] = n;
      }
      job.advance(end - piece * kHoldersPerPiece);
    });
    std::uint64_t sum = 0;
    for (auto& end : ends_) end = sum += end;
    return done;
  }

  std::uint64_t size() const override { return ends_.empty() ? 0 : ends_.back(); }

  void fill(unsigned column, std::span<const std::uint64_t> rows, std::span<Cell> out,
            Texts& texts) const override {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto holder = static_cast<std::size_t>(
          std::upper_bound(ends_.begin(), ends_.end(), rows[i]) - ends_.begin());
      out[i] = cell(column, holder, rows[i], texts);
    }
  }

 private:
  Cell cell(unsigned column, std::size_t holder, std::uint64_t row, Texts& texts) const {
    decode(holder);
    const std::uint64_t at = row - (holder == 0 ? 0 : ends_[holder - 1]);
    if (at >= edges_.size()) return Cell::absent();
    const python::Reference& edge = edges_[at];
    switch (column) {
      case kHolder:
        return Cell::of_address(holders_[holder]);
      case kTarget:
        return Cell::of_address(edge.target);
      case kName:
        return Cell::of_text(texts.keep(python::edge_text(decoder_, edge.name)));
      case kKind:
        return Cell::of_text(name_of(edge.name.kind));
      case kSkipped:
        return edge.skipped == python::SkipCause::none
                   ? Cell::absent()
                   : Cell::of_text(python::name_of(edge.skipped));
      case kCounted:
        return Cell::of_boolean(edge.counted);
      case kGuess:
        return Cell::of_boolean(edge.guess);
      default:
        return Cell::absent();
    }
  }

  // The edges of one holder at a time: batches and columns ask for the same one again and again.
  void decode(std::size_t holder) const {
    if (decoded_ == holder) return;
    decoded_ = holder;
    edges_.clear();
    if (const auto object = decoder_.object(holders_[holder])) {
      python::for_each_reference(decoder_, *object,
                                 [&](const python::Reference& edge) { edges_.push_back(edge); });
    }
  }

  const image::Image& image_;
  const python::Runtime& runtime_;
  const python::TypeTable& types_;
  std::vector<Address> holders_;
  std::vector<std::uint64_t> ends_;  // running count of edges behind each holder
  mutable python::Decoder decoder_;
  mutable std::size_t decoded_ = SIZE_MAX;
  mutable std::vector<python::Reference> edges_;
};

}  // namespace

std::vector<Column> reference_columns() {
  return {
      {"holder", "", ColumnType::address, "the object that holds the reference"},
      {"target", "", ColumnType::address, "the object it points to"},
      {"name", "", ColumnType::text, "what the holder calls it: .attribute, [index], ['key']"},
      {"kind", "", ColumnType::text, "field, attribute, slot, item, key, value ...", false},
      {"skipped", "", ColumnType::text, "why gc.get_referents does not list it; empty: it does"},
      {"counted", "", ColumnType::boolean, "part of the target's reference count", false},
      {"guess", "", ColumnType::boolean, "a word of a C type that nobody described", false},
  };
}

Result<std::shared_ptr<const RowSource>> reference_rows(const image::Image& image,
                                                        const census::Census& census,
                                                        const python::Runtime& runtime,
                                                        const python::TypeTable& types,
                                                        JobControl& job) {
  auto rows = std::make_shared<ReferenceRows>(image, runtime, types);
  if (auto done = rows->count(census, job); !done) return std::unexpected(done.error());
  return rows;
}

}  // namespace coreheap::commands
