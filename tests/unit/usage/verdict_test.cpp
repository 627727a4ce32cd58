// The verdict on waterfalls of each cause.
#include "heapparse/usage/verdict.h"

#include <numeric>

#include "tests/unit/catch.h"
#include "tests/unit/usage/fixture.h"

using namespace coreheap;
using namespace coreheap::usage;

namespace {

Waterfall shares(std::initializer_list<std::pair<Code, std::uint64_t>> percents) {
  Waterfall w;
  w.basis = Basis::rss;
  for (const auto& [code, percent] : percents) {
    w.bytes[static_cast<std::size_t>(code)] = percent * 1000;
    w.total += percent * 1000;
  }
  return w;
}

std::vector<std::string> causes(const std::vector<VerdictLine>& lines) {
  std::vector<std::string> names;
  for (const VerdictLine& line : lines) names.push_back(line.cause);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("Live Python data is named as such") {
  const auto lines = verdict(
      shares({{Code::py_objects, 25}, {Code::py_buffers, 60}, {Code::files_clean, 15}}), {});
  REQUIRE(causes(lines) == Names{"live"});
  CHECK(lines[0].headline == "live data, not fragmentation");
  CHECK(lines[0].sentence == "85 % of RSS is live Python objects and the buffers they own.");
  CHECK(lines[0].strength == Strength::strong);
}

TEST_CASE("Free space is named after the allocator that keeps nearly all of it") {
  const auto in_glibc = verdict(
      shares({{Code::free_glibc, 68}, {Code::free_pymalloc, 3}, {Code::py_buffers, 29}}), {});
  REQUIRE(causes(in_glibc) == Names{"free", "live"});
  CHECK(in_glibc[0].headline == "memory freed by the program but kept by glibc");
  CHECK(in_glibc[0].sentence ==
        "71 % of RSS is free space inside allocators (free in glibc 68 %, free in pymalloc 3 %).");
  const auto in_pymalloc = verdict(shares({{Code::free_pymalloc, 80}, {Code::py_objects, 20}}), {});
  CHECK(in_pymalloc[0].headline == "memory freed by the program but kept by pymalloc");
  const auto in_both = verdict(
      shares({{Code::free_pymalloc, 30}, {Code::free_glibc, 40}, {Code::files_clean, 30}}), {});
  CHECK(in_both[0].headline == "memory freed by the program but kept by the allocators");
}

TEST_CASE("Native memory counts whether its owner is known or not, other allocators too") {
  const auto lines = verdict(shares({{Code::native_other, 40},
                                     {Code::native_owned, 12},
                                     {Code::other_allocator, 28},
                                     {Code::py_objects, 20}}),
                             {});
  REQUIRE(causes(lines) == Names{"native"});
  CHECK(lines[0].share == Approx(0.8));
}

TEST_CASE("Stacks and files can be the cause") {
  CHECK(causes(verdict(shares({{Code::stacks_unused, 90}, {Code::files_clean, 10}}), {})) ==
        Names{"stacks"});
  CHECK(causes(verdict(shares({{Code::files_clean, 50}, {Code::shmem, 40}, {Code::py_objects, 10}}),
                       {})) == Names{"files"});
}

TEST_CASE("Two causes over a fifth each are two lines, the larger first") {
  const auto lines = verdict(
      shares({{Code::py_objects, 35}, {Code::native_other, 45}, {Code::files_clean, 20}}), {});
  CHECK(causes(lines) == Names{"native", "live"});
}

TEST_CASE("When no cause exceeds 30 % it is not clear, and why is said") {
  const auto lines = verdict(shares({{Code::py_objects, 28},
                                     {Code::native_other, 27},
                                     {Code::free_glibc, 25},
                                     {Code::files_clean, 20}}),
                             {});
  REQUIRE(causes(lines) == Names{"not_clear"});
  CHECK(lines[0].headline == "not clear");
  CHECK(lines[0].sentence ==
        "no cause explains a third: live 28 %, native 27 %, free 25 % of RSS.");
}

TEST_CASE("Exactly 30 % is not clear, and exactly 20 % is no line") {
  CHECK(causes(verdict(shares({{Code::py_objects, 30},
                               {Code::native_other, 30},
                               {Code::stacks_used, 20},
                               {Code::files_clean, 20}}),
                       {})) == Names{"not_clear"});
  CHECK(causes(verdict(shares({{Code::py_objects, 80}, {Code::native_other, 20}}), {})) ==
        Names{"live"});
}

TEST_CASE("Strength falls with what was not read, and with figures that are not resident") {
  Waterfall w = shares({{Code::py_objects, 90}, {Code::files_clean, 10}});
  census::Coverage coverage;
  coverage.allocator_bytes = 100;
  CHECK(verdict(w, coverage)[0].strength == Strength::strong);
  coverage.unreadable_bytes = 6;
  coverage.damaged_bytes = 4;
  CHECK(verdict(w, coverage)[0].strength == Strength::likely);
  coverage.unreadable_bytes = 25;
  CHECK(verdict(w, coverage)[0].strength == Strength::weak);
  w.basis = Basis::mapped;
  CHECK(verdict(w, {})[0].strength == Strength::weak);
  CHECK(verdict(w, {})[0].sentence.find("90 % of mapped memory") == 0);
}

TEST_CASE("A verdict on nothing claims nothing") {
  CHECK(causes(verdict(Waterfall{}, {})) == Names{"not_clear"});
}

TEST_CASE("No verdict speaks of growth or leaks") {
  for (std::size_t i = 0; i < kCodes; ++i) {
    for (const VerdictLine& line : verdict(shares({{static_cast<Code>(i), 100}}), {})) {
      CHECK((line.headline + line.sentence).find("leak") == std::string::npos);
      CHECK((line.headline + line.sentence).find("grow") == std::string::npos);
    }
  }
}
