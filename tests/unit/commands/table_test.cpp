// Ordering rows and reading them in batches.
#include "commands/table.h"

#include <numeric>

#include "tests/unit/catch.h"

using namespace coreheap;
using namespace coreheap::commands;
using Order = std::vector<std::uint64_t>;

namespace {

Table table_of(std::initializer_list<Cell> cells, ColumnType type = ColumnType::integer) {
  Table table;
  table.columns = {{"c", "", type, ""}};
  auto rows = std::make_shared<FixedRows>(1);
  for (const Cell& cell : cells) rows->add({cell});
  table.rows = rows;
  return table;
}

class Counting final : public RowSource {
 public:
  explicit Counting(std::uint64_t n) : n_(n) {}
  std::uint64_t size() const override { return n_; }
  void fill(unsigned, std::span<const std::uint64_t> rows, std::span<Cell> out,
            Texts& texts) const override {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      out[i] = Cell::of_text(texts.keep(std::to_string(rows[i])));
    }
  }

 private:
  std::uint64_t n_;
};

}  // namespace

TEST_CASE("Numbers are ordered as numbers, negative ones below zero, absent ones last either way") {
  const Table t =
      table_of({Cell::of_integer(5), Cell::absent(), Cell::of_integer(-3), Cell::of_integer(0)});
  CHECK(sorted_rows(t, 0, false) == Order{2, 3, 0, 1});
  CHECK(sorted_rows(t, 0, true) == Order{0, 3, 2, 1});
}

TEST_CASE("Fractions, texts and addresses have their order too") {
  CHECK(sorted_rows(table_of({Cell::of_number(0.5), Cell::of_number(-2), Cell::of_number(1e9)}), 0,
                    false) == Order{1, 0, 2});
  CHECK(sorted_rows(table_of({Cell::of_text("b"), Cell::of_text("a"), Cell::of_text("ab")}), 0,
                    false) == Order{1, 2, 0});
  CHECK(sorted_rows(table_of({Cell::of_address({~0ULL}), Cell::of_address({1})}), 0, false) ==
        Order{1, 0});
}

TEST_CASE("Equal rows keep their order") {
  const Table t =
      table_of({Cell::of_count(1), Cell::of_count(2), Cell::of_count(1), Cell::of_count(2)});
  CHECK(sorted_rows(t, 0, true) == Order{1, 3, 0, 2});
}

TEST_CASE("A column of counts with a word in it is ordered: numbers, words, nothing") {
  const Table t = table_of({Cell::of_text("immortal"), Cell::absent(), Cell::of_count(7)});
  CHECK(sorted_rows(t, 0, true) == Order{2, 0, 1});
}

TEST_CASE("Batches go through all rows, up to the limit, in the order asked for") {
  Table t;
  t.columns = {{"c", "", ColumnType::text, ""}};
  t.rows = std::make_shared<Counting>(BatchReader::kRows * 2 + 5);
  const auto read = [&] {
    Order seen;
    BatchReader reader(t, {0});
    while (const std::size_t n = reader.next()) {
      for (std::size_t i = 0; i < n; ++i)
        seen.push_back(std::stoull(std::string(reader.at(0, i).text)));
    }
    return seen;
  };
  Order all(t.rows->size());
  std::iota(all.begin(), all.end(), 0);
  CHECK(read() == all);
  t.limit = BatchReader::kRows + 1;
  all.resize(t.limit);
  CHECK(read() == all);
  t.order = {9, 3, 4};
  t.limit = 2;
  CHECK(read() == Order{9, 3});
}
