// Lines of instructions: each form of table, whole and damaged. The bytes are what compilers of
// those versions write for small functions.
#include "heapparse/python/types/line_table.h"

#include <array>
#include <limits>
#include <vector>

#include "tests/unit/catch.h"

namespace {

using coreheap::layouts::LineTableForm;
using coreheap::python::line_at;

std::vector<std::byte> table(std::initializer_list<int> bytes) {
  std::vector<std::byte> out;
  for (const int byte : bytes) out.push_back(static_cast<std::byte>(byte));
  return out;
}

TEST_CASE("pairs say how far on the next line begins") {
  const auto pairs = table({6, 1, 255, 0, 10, 2, 4, 255});
  const auto line = [&](LineTableForm form, std::int64_t offset) {
    return line_at(form, pairs, 100, offset);
  };
  CHECK(line(LineTableForm::kUnsignedPairs, 0) == 100);
  CHECK(line(LineTableForm::kUnsignedPairs, 5) == 100);
  CHECK(line(LineTableForm::kUnsignedPairs, 6) == 101);
  CHECK(line(LineTableForm::kUnsignedPairs, 270) == 101);
  CHECK(line(LineTableForm::kUnsignedPairs, 271) == 103);
  CHECK(line(LineTableForm::kUnsignedPairs, 275) == 103 + 255);
  CHECK(line(LineTableForm::kSignedPairs, 275) == 102);  // lines may go back
  CHECK(line(LineTableForm::kSignedPairs, 100000) == 102);
}

TEST_CASE("a range of its own may have no line") {
  const auto ranges = table({4, 1, 2, 128, 6, 254});
  const auto line = [&](std::int64_t offset) {
    return line_at(LineTableForm::kRangePairs, ranges, 10, offset);
  };
  CHECK(line(0) == 11);
  CHECK(line(3) == 11);
  CHECK(line(4) == std::nullopt);
  CHECK(line(6) == 9);
  CHECK(line(11) == 9);
  CHECK(line(12) == std::nullopt);  // behind the last instruction
}

TEST_CASE("locations are told by their code") {
  // RESUME on the first line; short form; one line down; back three; without a line; without
  // columns.
  const auto locations = table({0x80, 0x00,                    // code 0, 1 unit, 1 byte of columns
                                0xd9, 0x04, 0x08,              // code 11: one line on, 2 units
                                0xf0, 0x07, 0x00, 0x02, 0x03,  // code 14: -3, 1 unit
                                0xf9,                          // code 15: no line, 2 units
                                0xe8, 0x42, 0x02});            // code 13: 6-bit pieces, +65
  const auto line = [&](std::int64_t offset) {
    return line_at(LineTableForm::kLocations, locations, 20, offset);
  };
  CHECK(line(0) == 20);
  CHECK(line(2) == 21);
  CHECK(line(5) == 21);
  CHECK(line(6) == 18);
  CHECK(line(8) == std::nullopt);
  CHECK(line(11) == std::nullopt);
  CHECK(line(12) == 18 + 65);
  CHECK(line(14) == std::nullopt);
}

TEST_CASE("before the first instruction stands the first line, in every form") {
  for (const auto form : {LineTableForm::kUnsignedPairs, LineTableForm::kSignedPairs,
                          LineTableForm::kRangePairs, LineTableForm::kLocations}) {
    CHECK(line_at(form, {}, 7, -1) == 7);
  }
}

TEST_CASE("a damaged table ends the search") {
  CHECK(line_at(LineTableForm::kLocations, table({0x00, 0x80}), 7, 0) == std::nullopt);
  // A number that never ends.
  std::vector<std::byte> endless(1000, std::byte{0x7f});
  endless[0] = std::byte{0xe8};
  CHECK(line_at(LineTableForm::kLocations, endless, 7, 4) == std::nullopt);
  CHECK(line_at(LineTableForm::kSignedPairs, table({3}), 7, 4) == 7);  // half a pair
  CHECK(line_at(LineTableForm::kRangePairs, table({3}), 7, 4) == std::nullopt);
}

TEST_CASE("no table leads to a line that is no C int") {
  constexpr std::int64_t kLast = std::numeric_limits<std::int32_t>::max();
  for (const auto form :
       {LineTableForm::kUnsignedPairs, LineTableForm::kSignedPairs, LineTableForm::kRangePairs}) {
    CHECK(line_at(form, table({2, 1, 2, 1}), kLast - 1, 0) ==
          std::optional<std::int64_t>{form == LineTableForm::kRangePairs ? kLast : kLast - 1});
    CHECK(line_at(form, table({2, 1, 2, 1}), kLast, 3) == std::nullopt);
    CHECK(line_at(form, {}, kLast + 1, -1) == std::nullopt);
  }
  CHECK(line_at(LineTableForm::kLocations, table({0xd0}), kLast, 0) == kLast);
  CHECK(line_at(LineTableForm::kLocations, table({0xd0}), kLast + 1, 0) == std::nullopt);
  CHECK(line_at(LineTableForm::kLocations, table({0xd8}), kLast, 0) == std::nullopt);
}

}  // namespace
