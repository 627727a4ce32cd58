// Splitting, quoting and suggesting words.
#include "commands/words.h"

#include "tests/unit/catch.h"

using namespace coreheap;
using namespace coreheap::commands;
using Words = std::vector<std::string>;

TEST_CASE("A line is split at blanks; quotes and backslashes protect") {
  CHECK(*split_words("  types --limit\t5 ") == Words{"types", "--limit", "5"});
  CHECK(*split_words("a 'b c' \"d \\\" e\" f\\ g ''") == Words{"a", "b c", "d \" e", "f g", ""});
  CHECK(*split_words("--sysroot='/a b'/c") == Words{"--sysroot=/a b/c"});
  CHECK(*split_words("") == Words{});
}

TEST_CASE("A quote that is left open is wrong usage") {
  const auto words = split_words("show 'abc");
  REQUIRE_FALSE(words);
  CHECK(words.error().code == ErrorCode::usage);
}

TEST_CASE("Whatever is quoted is read back as one word") {
  for (const std::string word :
       {"", "plain", "two words", "it's", "a\"b", "'\"", "it's $5", "back\\slash", "$x;&|"}) {
    // Not std::quoted, which Catch2 3 brings along.
    CHECK(*split_words(commands::quoted(word)) == Words{word});
  }
  CHECK(commands::quoted("type='app.Node'") == "\"type='app.Node'\"");  // easier to read
}

TEST_CASE("The nearest known words are suggested, and none when nothing is near") {
  const std::vector<std::string_view> known = {"types", "show", "sizes", "pymalloc", "all"};
  CHECK(suggestion("tpyes", known) == "types");
  CHECK(suggestion("type", known) == "types");
  CHECK(suggestion("py", known) == "pymalloc");
  CHECK(suggestion("zzzzzz", known).empty());
  CHECK(suggestion(std::string(100000, 'a'), known).empty());
  CHECK(suggestion("sies", {"sizes", "sides"}) == "sizes or sides");
}
