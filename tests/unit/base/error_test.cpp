// Every code has a word, a text and a status.
#include "heapparse/base/error.h"

#include <set>
#include <string>

#include "tests/unit/catch.h"

namespace {

using namespace coreheap;

constexpr int kCodes = static_cast<int>(ErrorCode::internal) + 1;

TEST_CASE("the words of the codes are distinct and fit for machines") {
  std::set<std::string> seen;
  for (int i = 0; i < kCodes; ++i) {
    const std::string name(name_of(static_cast<ErrorCode>(i)));
    INFO(name);
    CHECK_FALSE(name.empty());
    CHECK(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos);
    CHECK(seen.insert(name).second);
  }
  CHECK(name_of(static_cast<ErrorCode>(200)) == "internal");
}

TEST_CASE("wrong usage, cancelling and failing end differently, and never with success") {
  std::set<int> statuses;
  for (int i = 0; i < kCodes; ++i) {
    const int status = exit_status_of(static_cast<ErrorCode>(i));
    CHECK(status != 0);
    statuses.insert(status);
  }
  CHECK(statuses == std::set<int>{1, 2, 130});
  CHECK(exit_status_of(ErrorCode::usage) == 2);
  CHECK(exit_status_of(ErrorCode::no_such_command) == 2);
  CHECK(exit_status_of(ErrorCode::cancelled) == 130);
  CHECK(exit_status_of(ErrorCode::not_a_core_file) == 1);
}

TEST_CASE("an error names the thing, the reason and what to try, in one or two lines") {
  CHECK(to_text({ErrorCode::io_error, "core.1", "cannot be read", "run as its owner"}) ==
        "coreheap: core.1: cannot be read\n  try: run as its owner");
  CHECK(to_text({ErrorCode::io_error, "core.1", "cannot be read", ""}) ==
        "coreheap: core.1: cannot be read");
  CHECK(to_text({ErrorCode::usage, "", "what?", ""}) == "coreheap: what?");
  const Result<int> failed = fail(ErrorCode::truncated, "x", "y");
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().code == ErrorCode::truncated);
  CHECK(failed.error().hint.empty());
}

}  // namespace
