#include "heapparse/graph/csr.h"

#include <algorithm>

#include "tests/unit/graph/random_graph.h"

namespace coreheap::graph {
namespace {

using testing::below;

using testing::csr_of;
using testing::transposed;

TEST_CASE("turned round, every edge stands with its target, sources ascending", "[csr]") {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    const auto g = testing::random_graph(random, 1 + static_cast<std::uint32_t>(round), 2.5);
    const std::uint32_t n = g.roots.objects();
    std::vector<std::vector<std::uint32_t>> expected(n);
    for (std::uint32_t v = 0; v < n; ++v) {
      for (const std::uint32_t t : g.forward.of(v)) expected[t].push_back(v);
    }
    REQUIRE(g.reverse.size() == n);
    for (std::uint32_t v = 0; v < n; ++v) {
      const auto sources = g.reverse.of(v);
      REQUIRE(std::vector<std::uint32_t>(sources.begin(), sources.end()) == expected[v]);
    }
  }
}

TEST_CASE("a graph that workers share is turned round the same", "[csr]") {
  constexpr std::uint32_t n = 100'000;
  std::mt19937 random(2);
  std::vector<std::vector<std::uint32_t>> lists(n);
  for (auto& list : lists) {
    for (int k = 0; k < 3; ++k) list.push_back(below(random, n));
  }
  const Csr forward = csr_of(lists);
  const Csr back = transposed(transposed(forward));
  REQUIRE(back.offsets == forward.offsets);
  for (std::uint32_t v = 0; v < n; ++v) {
    auto list = lists[v];
    std::sort(list.begin(), list.end());
    const auto again = back.of(v);
    REQUIRE(std::equal(again.begin(), again.end(), list.begin(), list.end()));
  }
}

TEST_CASE("no nodes, no edges", "[csr]") {
  REQUIRE(transposed({}).size() == 0);
  const Csr lonely = transposed(csr_of({{}}));
  REQUIRE(lonely.size() == 1);
  REQUIRE(lonely.of(0).empty());
}

TEST_CASE("a cancelled turn is an error", "[csr]") {
  JobControl job;
  job.cancel();
  const auto done = transpose(csr_of({{0}}), job);
  REQUIRE_FALSE(done.has_value());
  REQUIRE(done.error().code == ErrorCode::cancelled);
}

}  // namespace
}  // namespace coreheap::graph
