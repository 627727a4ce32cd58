// Tables of a report: a schema and a source of rows that is asked for cells, column by column, a
// batch of rows at a time. Nothing is turned into text before a renderer needs it, so ten million
// rows stream through a few kilobytes; sorting costs one key a row, and columns nobody wants are
// never computed.
//
// Invariant: a Cell's text belongs to the row source, or to the `Texts` handed to fill(), and lives
// until that is cleared.
#pragma once

#include <bit>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "heapparse/base/address.h"

namespace coreheap::commands {

enum class ColumnType : std::uint8_t {
  text,
  integer,
  identifier,  // an integer that is no amount: a process id, the number of an arena
  bytes,
  address,
  percent,
  boolean,
  number,  // not whole
};

std::string_view name_of(ColumnType type);
std::string_view unit_of(ColumnType type);  // "bytes", "percent" or ""

struct Column {
  std::string_view name;     // of machine formats and --columns
  std::string_view heading;  // of text; empty: the name
  ColumnType type = ColumnType::text;
  std::string_view meaning;  // one line for the manual
  bool in_text = true;       // shown as text when no columns are asked for
  bool asked_only = false;   // shown where --columns names it, else in no format
};

// Sizes and counts are integers; how they are shown depends on the column.
struct Cell {
  // `number` is a share, shown with two decimals; `real` is exact.
  enum class Kind : std::uint8_t { absent, text, integer, number, address, boolean, real };
  Kind kind = Kind::absent;
  std::uint64_t bits = 0;
  std::string_view text;

  static Cell absent() { return {}; }
  static Cell of_text(std::string_view s) { return {Kind::text, 0, s}; }
  static Cell of_count(std::uint64_t n) { return {Kind::integer, n, {}}; }
  static Cell of_integer(std::int64_t n) {
    return {Kind::integer, static_cast<std::uint64_t>(n), {}};
  }
  static Cell of_number(double d) { return {Kind::number, std::bit_cast<std::uint64_t>(d), {}}; }
  static Cell of_real(double d) { return {Kind::real, std::bit_cast<std::uint64_t>(d), {}}; }
  static Cell of_address(Address a) { return {Kind::address, a.value, {}}; }
  static Cell of_boolean(bool b) { return {Kind::boolean, b ? 1ULL : 0ULL, {}}; }

  // Two's complement: no figure of ours reaches 2^63.
  std::int64_t integer() const { return static_cast<std::int64_t>(bits); }
  double number() const { return std::bit_cast<double>(bits); }
};

// Keeps texts that a row source had to make up.
class Texts {
 public:
  std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }
  void clear() { kept_.clear(); }

 private:
  std::deque<std::string> kept_;
};

class RowSource {
 public:
  RowSource() = default;
  RowSource(const RowSource&) = delete;
  RowSource& operator=(const RowSource&) = delete;
  virtual ~RowSource() = default;

  virtual std::uint64_t size() const = 0;
  // out[i] = the cell of row rows[i] in column `column` of the schema. Both spans have one length.
  virtual void fill(unsigned column, std::span<const std::uint64_t> rows, std::span<Cell> out,
                    Texts& texts) const = 0;
};

// A small table held in memory, row by row.
class FixedRows final : public RowSource {
 public:
  explicit FixedRows(std::size_t columns) : columns_(columns) {}

  // Texts are copied. Missing cells at the end are absent.
  void add(std::span<const Cell> row);
  void add(std::initializer_list<Cell> row) { add(std::span(row.begin(), row.size())); }

  std::uint64_t size() const override { return rows_; }
  void fill(unsigned column, std::span<const std::uint64_t> rows, std::span<Cell> out,
            Texts& texts) const override;

 private:
  std::size_t columns_;
  std::uint64_t rows_ = 0;
  std::vector<Cell> cells_;
  Texts texts_;
};

// A schema with its rows, and what is to be shown of them.
struct Table {
  std::vector<Column> columns;
  std::shared_ptr<const RowSource> rows;
  // Last line of text, "totals" of JSON: cells by column name, in the order of the columns.
  std::vector<std::pair<std::string_view, Cell>> totals;

  std::vector<unsigned> shown;  // indices of columns; empty: all but asked_only (text: in_text)
  std::vector<std::uint64_t> order;  // rows in the order to show them; empty: as they come
  std::uint64_t limit = UINT64_MAX;
  bool cut_as_text = true;  // text shows 20 rows unless told otherwise

  std::uint64_t shown_rows() const { return std::min(limit, rows ? rows->size() : 0); }
  int column_index(std::string_view name) const;  // -1: no such column
};

// Row numbers ordered by a column; equal rows keep their order, absent cells come last.
std::vector<std::uint64_t> sorted_rows(const Table& table, unsigned column, bool descending);

// Calls `take(columns of cells, number of rows)` for each batch of the rows to be shown, until it
// returns false. `columns[i][r]` is row r of the batch in column shown[i].
class BatchReader {
 public:
  static constexpr std::size_t kRows = 1024;

  BatchReader(const Table& table, std::vector<unsigned> shown);
  // Number of rows of the next batch; 0 at the end.
  std::size_t next();
  std::span<const Cell> column(std::size_t i) const {
    return std::span(cells_).subspan(i * kRows, count_);
  }
  const Cell& at(std::size_t i, std::size_t row) const { return cells_[i * kRows + row]; }

 private:
  const Table& table_;
  std::vector<unsigned> shown_;
  std::vector<Cell> cells_;
  std::vector<std::uint64_t> rows_;
  std::uint64_t position_ = 0;
  std::uint64_t end_ = 0;
  std::size_t count_ = 0;
  Texts texts_;
};

}  // namespace coreheap::commands
