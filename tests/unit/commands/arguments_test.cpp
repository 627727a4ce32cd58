// Options, words and numbers of command lines.
#include "commands/arguments.h"

#include "tests/unit/catch.h"

using namespace coreheap;
using namespace coreheap::commands;
using Words = std::vector<std::string>;

namespace {

const std::vector<OptionSpec> kOptions = {
    {"limit", 0, "N", ""}, {"output", 'o', "FILE", ""}, {"rows", 'r', "", ""}};

Result<Arguments> parse(const Words& words, WordsAre where = WordsAre::anywhere) {
  return parse_arguments(kOptions, words, where, "types");
}

}  // namespace

TEST_CASE("Options stand before, between and behind words, in each spelling") {
  for (const Words& words :
       {Words{"--limit", "5", "a", "-o", "f", "b"}, Words{"a", "--limit=5", "b", "-of"},
        Words{"a", "b", "-o", "f", "--limit=5"}}) {
    const auto arguments = parse(words);
    REQUIRE(arguments);
    CHECK(arguments->value("limit") == "5");
    CHECK(arguments->value("output") == "f");
    CHECK_FALSE(arguments->has("rows"));
    CHECK(arguments->words == Words{"a", "b"});
  }
}

TEST_CASE("Behind -- everything is a word, and a negative number is none of the options") {
  CHECK(parse({"--", "--limit", "-x"})->words == Words{"--limit", "-x"});
  CHECK(parse({"-5"})->words == Words{"-5"});
  CHECK(parse({"-"})->words == Words{"-"});
}

TEST_CASE("The last of two equal options wins") {
  CHECK(parse({"--limit", "1", "--limit", "2"})->value("limit") == "2");
}

TEST_CASE("Where words end the options, what follows is left alone") {
  CHECK(parse({"-r", "cmd", "--limit", "--bogus"}, WordsAre::the_end)->words ==
        Words{"cmd", "--limit", "--bogus"});
}

TEST_CASE("Mistakes are wrong usage, and say what was meant") {
  for (const Words& words :
       {Words{"--limt", "5"}, Words{"--limit"}, Words{"--rows=1"}, Words{"-x"}, Words{"-rx"}}) {
    const auto arguments = parse(words);
    REQUIRE_FALSE(arguments);
    CHECK(arguments.error().code == ErrorCode::usage);
    CHECK(arguments.error().subject == "types");
  }
  CHECK(parse({"--limt", "5"}).error().hint == "--limit");
}

TEST_CASE("Numbers are decimal or hex, whole words, and never wrap") {
  CHECK(parse_number("0", "n") == 0U);
  CHECK(parse_number("18446744073709551615", "n") == UINT64_MAX);
  CHECK(parse_number("0xFFffffffffffffff", "n") == UINT64_MAX);
  for (const char* bad :
       {"", "0x", "x", "12a", "-1", " 1", "18446744073709551616", "0x1ffffffffffffffff"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_number(bad, "n"));
  }
}

TEST_CASE("Sizes take binary units") {
  CHECK(parse_size("4096", "s") == 4096U);
  CHECK(parse_size("0x1000", "s") == 4096U);
  CHECK(parse_size("16KiB", "s") == 16384U);
  CHECK(parse_size("16k", "s") == 16384U);
  CHECK(parse_size("2M", "s") == 2U << 20);
  CHECK(parse_size("1.5G", "s") == 3ULL << 29);
  for (const char* bad : {"", "k", "5x", "1..5k", "1e30", "99999999T"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_size(bad, "s"));
  }
}
