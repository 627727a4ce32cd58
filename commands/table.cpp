// Tables held in memory, ordering by a column, reading in batches.
#include "commands/table.h"

#include <algorithm>
#include <numeric>

namespace coreheap::commands {

std::string_view name_of(ColumnType type) {
  switch (type) {
    case ColumnType::text:
      return "text";
    case ColumnType::integer:
    case ColumnType::identifier:
      return "integer";
    case ColumnType::bytes:
      return "bytes";
    case ColumnType::address:
      return "address";
    case ColumnType::percent:
      return "percent";
    case ColumnType::boolean:
      return "boolean";
    case ColumnType::number:
      return "number";
  }
  return "text";
}

std::string_view unit_of(ColumnType type) {
  if (type == ColumnType::bytes) return "bytes";
  if (type == ColumnType::percent) return "percent";
  return "";
}

void FixedRows::add(std::span<const Cell> row) {
  for (std::size_t i = 0; i < columns_; ++i) {
    Cell cell = i < row.size() ? row[i] : Cell::absent();
    if (cell.kind == Cell::Kind::text) cell.text = texts_.keep(std::string(cell.text));
    cells_.push_back(cell);
  }
  ++rows_;
}

void FixedRows::fill(unsigned column, std::span<const std::uint64_t> rows, std::span<Cell> out,
                     Texts&) const {
  for (std::size_t i = 0; i < rows.size(); ++i) out[i] = cells_[rows[i] * columns_ + column];
}

int Table::column_index(std::string_view name) const {
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) return static_cast<int>(i);
  }
  return -1;
}

namespace {

// A number whose unsigned order is the order of the cells; absent ones are told apart by `present`.
std::uint64_t ordered_bits(const Cell& cell) {
  constexpr std::uint64_t kSign = 1ULL << 63;
  switch (cell.kind) {
    case Cell::Kind::integer:
      return cell.bits ^ kSign;
    case Cell::Kind::number:
    case Cell::Kind::real:
      return (cell.bits & kSign) ? ~cell.bits : cell.bits ^ kSign;
    default:
      return cell.bits;
  }
}

// Kinds compared as numbers; text sorts apart from them (a column of counts may say "immortal").
bool is_text(const Cell& cell) { return cell.kind == Cell::Kind::text; }

struct Key {
  std::uint64_t bits = 0;
  std::uint32_t text = 0;  // index into the kept texts when `rank` is 1
  std::uint8_t rank = 0;   // 0 number, 1 text, 2 absent
};

}  // namespace

std::vector<std::uint64_t> sorted_rows(const Table& table, unsigned column, bool descending) {
  const std::uint64_t count = table.rows->size();
  std::vector<Key> keys(count);
  std::deque<std::string> kept;
  std::vector<std::string_view> texts;
  std::vector<std::uint64_t> rows(BatchReader::kRows);
  std::vector<Cell> cells(BatchReader::kRows);
  Texts scratch;
  for (std::uint64_t begin = 0; begin < count; begin += BatchReader::kRows) {
    const std::size_t n = std::min<std::uint64_t>(BatchReader::kRows, count - begin);
    std::iota(rows.begin(), rows.begin() + n, begin);
    scratch.clear();
    table.rows->fill(column, std::span(rows).first(n), std::span(cells).first(n), scratch);
    for (std::size_t i = 0; i < n; ++i) {
      Key& key = keys[begin + i];
      if (cells[i].kind == Cell::Kind::absent) {
        key.rank = 2;
      } else if (is_text(cells[i])) {
        key.rank = 1;
        if (texts.empty() || texts.back() != cells[i].text) {
          texts.emplace_back(kept.emplace_back(cells[i].text));
        }
        key.text = static_cast<std::uint32_t>(texts.size() - 1);
      } else {
        key.bits = ordered_bits(cells[i]);
      }
    }
  }
  std::vector<std::uint64_t> order(count);
  std::iota(order.begin(), order.end(), std::uint64_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::uint64_t a, std::uint64_t b) {
    const Key& x = keys[a];
    const Key& y = keys[b];
    if (x.rank != y.rank) return x.rank < y.rank;
    if (x.rank == 2) return false;
    if (x.rank == 1) {
      return descending ? texts[y.text] < texts[x.text] : texts[x.text] < texts[y.text];
    }
    return descending ? y.bits < x.bits : x.bits < y.bits;
  });
  return order;
}

BatchReader::BatchReader(const Table& table, std::vector<unsigned> shown)
    : table_(table),
      shown_(std::move(shown)),
      cells_(shown_.size() * kRows),
      rows_(kRows),
      end_(table.shown_rows()) {}

std::size_t BatchReader::next() {
  count_ = static_cast<std::size_t>(std::min<std::uint64_t>(kRows, end_ - position_));
  if (count_ == 0) return 0;
  if (table_.order.empty()) {
    std::iota(rows_.begin(), rows_.begin() + count_, position_);
  } else {
    std::copy_n(table_.order.begin() + static_cast<std::ptrdiff_t>(position_), count_,
                rows_.begin());
  }
  position_ += count_;
  texts_.clear();
  for (std::size_t i = 0; i < shown_.size(); ++i) {
    table_.rows->fill(shown_[i], std::span(rows_).first(count_),
                      std::span(cells_).subspan(i * kRows, count_), texts_);
  }
  return count_;
}

}  // namespace coreheap::commands
