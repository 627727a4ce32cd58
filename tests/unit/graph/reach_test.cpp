#include "heapparse/graph/reach.h"

#include "tests/unit/graph/random_graph.h"

namespace coreheap::graph {
namespace {

using testing::below;

TEST_CASE("ways are shortest, and the first search is preferred", "[reach]") {
  std::mt19937 random(7);
  JobControl job;
  for (int round = 0; round < 500; ++round) {
    const std::uint32_t n = 1 + below(random, 40);
    const auto g = testing::random_graph(random, n, 0.5 + round % 4);
    const auto distances = [&](std::vector<std::uint32_t> open) {
      std::vector<std::uint32_t> distance(n, 0xffffffff);
      for (const std::uint32_t v : open) distance[v] = 0;
      for (std::size_t at = 0; at < open.size(); ++at) {
        for (const std::uint32_t t : g.forward.of(open[at])) {
          if (distance[t] != 0xffffffff) continue;
          distance[t] = distance[open[at]] + 1;
          open.push_back(t);
        }
      }
      return distance;
    };
    const std::uint32_t first = below(random, n);
    const std::uint32_t second = below(random, n);
    Ways ways(n);
    ways.start(n, std::vector{first});
    REQUIRE(ways.search(g.forward, job));
    const auto near = distances({first});
    ways.start(n + 1, std::vector{second});
    REQUIRE(ways.search(g.forward, job));
    const auto far = distances({second});
    for (std::uint32_t v = 0; v < n; ++v) {
      const bool by_first = near[v] != 0xffffffff;
      REQUIRE(ways.reached(v) == (by_first || far[v] != 0xffffffff));
      if (!ways.reached(v)) continue;
      std::uint32_t steps = 0;
      std::uint32_t at = v;
      while (ways.parent(at) < n) {
        at = ways.parent(at);
        ++steps;
      }
      REQUIRE(ways.parent(at) == (by_first ? n : n + 1));
      if (by_first) REQUIRE(steps == near[v]);
    }
  }
}

TEST_CASE("a way of five million steps is found", "[reach][scale]") {
  constexpr std::uint32_t n = 5'000'000;
  Csr chain;
  for (std::uint32_t i = 0; i < n; ++i) {
    chain.offsets.push_back(i);
    chain.targets.push_back(i + 1 < n ? i + 1 : i);
  }
  chain.offsets.push_back(n);
  JobControl job;
  Ways ways(n);
  ways.start(n, std::vector<std::uint32_t>{0});
  REQUIRE(ways.search(chain, job));
  REQUIRE(ways.parent(n - 1) == n - 2);
}

}  // namespace
}  // namespace coreheap::graph
