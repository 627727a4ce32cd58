// Figures as people read them.
#include "commands/figures.h"

#include <numeric>

#include "commands/utf8.h"
#include "tests/unit/catch.h"

using namespace coreheap;
using namespace coreheap::commands;
using Parts = std::vector<std::uint64_t>;

TEST_CASE("Counts have thousands separators") {
  CHECK(with_thousands(0) == "0");
  CHECK(with_thousands(999) == "999");
  CHECK(with_thousands(1000) == "1,000");
  CHECK(with_thousands(-1234567) == "-1,234,567");
  CHECK(with_thousands(-999) == "-999");
}

TEST_CASE("Sizes have their unit, always") {
  CHECK(size_text(0) == "0 B");
  CHECK(size_text(1023) == "1023 B");
  CHECK(size_text(1024) == "1.0 KiB");
  CHECK(size_text(1024 * 1024 - 1) == "1.0 MiB");
  CHECK(size_text(1536 * 1024) == "1.5 MiB");
  CHECK(size_text(3ULL << 40) == "3,145,728.0 MiB");
  CHECK(size_text(UINT64_MAX) == "17,592,186,044,416.0 MiB");
}

TEST_CASE("What is there but rounds to nothing is said to be there") {
  CHECK(percent_text(0) == "0 %");
  CHECK(percent_text(0.01) == "< 1 %");
  CHECK(percent_text(99.6) == "100 %");
}

TEST_CASE("Times are short") {
  CHECK(uptime_text(7) == "7s");
  CHECK(uptime_text(42 * 60) == "42m");
  CHECK(uptime_text(5 * 3600 + 720) == "5h 12m");
  CHECK(uptime_text(76 * 3600) == "3d 04h");
}

TEST_CASE("Rounded parts add up to the rounded total") {
  const std::vector<Parts> cases = {{0},
                                    {},
                                    {1, 1, 1},
                                    {499, 501},
                                    {500, 500, 500},
                                    {1499, 1, 2500},
                                    {333, 333, 334},
                                    {999, 999, 999, 999}};
  for (const Parts& parts : cases) {
    std::uint64_t total = 0;
    const Parts rounded = rounded_to_sum(parts, 1000, &total);
    const std::uint64_t sum = std::accumulate(parts.begin(), parts.end(), std::uint64_t{0});
    CHECK(total == (sum + 500) / 1000);
    CHECK(std::accumulate(rounded.begin(), rounded.end(), std::uint64_t{0}) == total);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      CHECK(rounded[i] >= parts[i] / 1000);
      CHECK(rounded[i] <= parts[i] / 1000 + 1);
    }
  }
}

TEST_CASE("Nothing of a target can steer a terminal") {
  CHECK(printable("plain") == "plain");
  CHECK(printable("caf\xc3\xa9") == "caf\xc3\xa9");
  CHECK(printable("\x1b[2J\n\t") == "\\x1b[2J\\x0a\\x09");
  CHECK(printable("a\xff"
                  "b") == "a\\xffb");
  CHECK(printable("\xc2\x9b") == "\\xc2\\x9b");
  CHECK(printable(std::string_view("\0", 1)) == "\\x00");
}

TEST_CASE("UTF-8 is what RFC 3629 says") {
  CHECK(utf8_sequence("a") == 1);
  CHECK(utf8_sequence("\xc3\xa9") == 2);
  CHECK(utf8_sequence("\xe2\x82\xac") == 3);
  CHECK(utf8_sequence("\xf0\x9f\x98\x80") == 4);
  for (const char* bad : {"\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80",
                          "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe2\x82"}) {
    CHECK(utf8_sequence(bad) == 0);
  }
}

TEST_CASE("What is cut says so") {
  CHECK(fitted("abcdefghij", 10) == "abcdefghij");
  CHECK(fitted("abcdefghijk", 10) == "abcdefg...");
  CHECK(fitted("\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 4) == "\xc3\xa9...");
}

TEST_CASE("Wrapped text keeps its words and its paragraphs") {
  CHECK(wrapped("a bb\nccc\n\nd", 2, 7) == "  a bb\n  ccc\n\n  d\n");
  CHECK(wrapped("wordlongerthanwidth x", 0, 5) == "wordlongerthanwidth\nx\n");
}
