// Sums over traces against figures worked out by hand, and file patterns against fnmatch's rules.
#include "heapparse/usage/trace_statistics.h"

#include "heapparse/usage/file_pattern.h"
#include "tests/unit/catch.h"

namespace {

using namespace coreheap;
using namespace coreheap::usage;
using python::Tracemalloc;

// Files a.py, b.py, c.pyc; tracebacks innermost first.
//   0: a:1 < b:2         1: a:1 < b:3         2: b:2          3: a:1 < a:1 < c:9   (recursion)
//   4: as 2, deeper below
Tracemalloc sample() {
  Tracemalloc t;
  t.state = Tracemalloc::State::tracing;
  t.files = {"/x/a.py", "/x/b.py", "/x/c.pyc"};
  const auto traceback = [&](std::vector<python::TraceFrame> frames, std::uint32_t total) {
    t.frames.insert(t.frames.end(), frames.begin(), frames.end());
    t.first_frame.push_back(static_cast<std::uint32_t>(t.frames.size()));
    t.total_frames.push_back(total);
  };
  traceback({{0, 1}, {1, 2}}, 2);
  traceback({{0, 1}, {1, 3}}, 2);
  traceback({{1, 2}}, 1);
  traceback({{0, 1}, {0, 1}, {2, 9}}, 3);
  traceback({{1, 2}}, 8);
  const auto trace = [&](std::uint64_t size, std::uint32_t traceback_, std::uint32_t domain) {
    t.addresses.push_back(Address{0x1000 + 64 * t.addresses.size()});
    t.sizes.push_back(size);
    t.tracebacks.push_back(traceback_);
    t.domains.push_back(domain);
  };
  trace(100, 0, 0);
  trace(100, 1, 0);
  trace(50, 2, 0);
  trace(50, 4, 7);
  trace(10, 3, 0);
  return t;
}

using Lines = std::vector<std::tuple<std::string, std::uint64_t, std::uint64_t>>;

Lines lines_of(const Tracemalloc& t, const TraceQuestion& question) {
  Lines out;
  for (const TraceStatistic& line : trace_statistics(t, question).lines) {
    std::string name;
    if (question.key == TraceKey::traceback) {
      for (const auto& f : t.frames_of(line.traceback)) {
        name += t.files[f.file].substr(3, 1) + std::to_string(f.line);
      }
    } else {
      name = t.files[line.frame.file].substr(3, 1) + std::to_string(line.frame.line);
    }
    out.emplace_back(name, line.size, line.count);
  }
  return out;
}

TEST_CASE("lines sum by the innermost frame, files by its file, the largest first") {
  const Tracemalloc t = sample();
  CHECK(lines_of(t, {}) == Lines{{"a1", 210, 3}, {"b2", 100, 2}});
  CHECK(lines_of(t, {.key = TraceKey::file, .filters = {}}) ==
        Lines{{"a0", 210, 3}, {"b0", 100, 2}});
  const auto all = trace_statistics(t, {});
  CHECK(all.size == 310);
  CHECK(all.count == 5);
}

TEST_CASE(
    "equal tracebacks are one whatever lay below; ties fall by the oldest frame, or in 3.6 the "
    "newest") {
  const Tracemalloc t = sample();
  TraceQuestion question{.key = TraceKey::traceback, .filters = {}};
  // Of equal size: more blocks first, then the traceback that sorts last.
  CHECK(lines_of(t, question) ==
        Lines{{"b2", 100, 2}, {"a1b3", 100, 1}, {"a1b2", 100, 1}, {"a1a1c9", 10, 1}});
  Tracemalloc swapped = sample();
  swapped.frames[0] = {1, 1};  // b:1 < b:2 against a:1 < b:3
  CHECK(std::get<0>(lines_of(swapped, question)[1]) == "a1b3");
  question.oldest_first = false;
  CHECK(std::get<0>(lines_of(swapped, question)[1]) == "b1b2");
}

TEST_CASE("cumulative sums count every frame, again where a function calls itself") {
  const Tracemalloc t = sample();
  CHECK(lines_of(t, {.cumulative = true, .filters = {}}) ==
        Lines{{"a1", 220, 4}, {"b2", 200, 3}, {"b3", 100, 1}, {"c9", 10, 1}});
  CHECK(lines_of(t, {.key = TraceKey::file, .cumulative = true, .filters = {}}) ==
        Lines{{"b0", 300, 4}, {"a0", 220, 4}, {"c0", 10, 1}});
}

TEST_CASE("filters keep what one of them includes and none excludes") {
  const Tracemalloc t = sample();
  const auto filtered = [&](std::vector<TraceFilter> filters) {
    const auto found = trace_statistics(t, {.filters = std::move(filters)});
    return std::pair(found.size, found.count);
  };
  using Pair = std::pair<std::uint64_t, std::uint64_t>;
  CHECK(filtered({{true, "*a.py", {}, false, {}}}) == Pair{210, 3});
  CHECK(filtered({{true, "*a.py", 2, false, {}}}) == Pair{0, 0});
  CHECK(filtered({{false, "*a.py", {}, false, {}}}) == Pair{100, 2});
  CHECK(filtered({{true, "*/b.py", {}, true, {}}}) == Pair{300, 4});
  CHECK(filtered({{false, "*/b.py", {}, true, {}}}) == Pair{10, 1});
  // Compiled files count as their source, in patterns too.
  CHECK(filtered({{true, "*/c.py", {}, true, {}}}) == Pair{10, 1});
  CHECK(filtered({{true, "*/c.pyc", 9, true, {}}}) == Pair{10, 1});
  // Domains: alone, and beside a pattern.
  CHECK(filtered({{true, {}, {}, false, 7}}) == Pair{50, 1});
  CHECK(filtered({{false, {}, {}, false, 7}}) == Pair{260, 4});
  CHECK(filtered({{true, "*b.py", {}, false, 0}}) == Pair{50, 1});
  CHECK(filtered({{false, "*b.py", {}, false, 7}}) == Pair{260, 4});
  CHECK(filtered({{true, "*a.py", {}, false, {}}, {true, "*b.py", {}, false, {}}}) == Pair{310, 5});
  CHECK(filtered({{true, "*a.py", {}, false, {}}, {false, "*b.py", 3, true, {}}}) == Pair{110, 2});
}

TEST_CASE("file patterns match as fnmatch does") {
  const auto matches = [](const char* pattern, const char* text) {
    return FilePattern(pattern).matches(text);
  };
  CHECK(matches("*", ""));
  CHECK(matches("*.py", "/a/b.py"));
  CHECK_FALSE(matches("*.py", "/a/b.pyc"));
  CHECK(matches("/a/*/c*.py", "/a/x/y/cc.py"));
  CHECK(matches("?", "\xc3\xa9"));
  CHECK_FALSE(matches("?", ""));
  CHECK(matches("[a-c]x", "bx"));
  CHECK_FALSE(matches("[!a-c]x", "bx"));
  CHECK(matches("[]x]", "]"));
  CHECK(matches("[!]]", "x"));
  CHECK(matches("a[", "a["));
  CHECK(matches("[a-]", "-"));
  CHECK(matches("<frozen importlib._bootstrap>", "<frozen importlib._bootstrap>"));
  CHECK(matches("**a**b", "xaxb"));
  CHECK_FALSE(matches("*a*b", "xbxa"));
  CHECK_FALSE(matches("", "a"));
}

}  // namespace
