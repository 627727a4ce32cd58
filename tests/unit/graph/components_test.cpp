#include "heapparse/graph/components.h"

#include <map>

#include "tests/unit/graph/random_graph.h"

namespace coreheap::graph {
namespace {

using testing::below;

using testing::csr_of;

Components components(const Csr& forward, const std::vector<std::uint32_t>& members) {
  JobControl job;
  auto found = find_components(forward, members, job);
  REQUIRE(found.has_value());
  return std::move(*found);
}

std::vector<std::uint32_t> all_of(std::uint32_t n) {
  std::vector<std::uint32_t> members(n);
  for (std::uint32_t i = 0; i < n; ++i) members[i] = i;
  return members;
}

TEST_CASE("two nodes share a component exactly when each reaches the other", "[components]") {
  std::mt19937 random(3);
  for (int round = 0; round < 500; ++round) {
    const std::uint32_t n = 1 + below(random, 25);
    const auto g = testing::random_graph(random, n, 0.5 + round % 4);
    std::vector<std::uint32_t> members;
    std::vector<bool> in(n);
    for (std::uint32_t i = 0; i < n; ++i) {
      if (below(random, 4) != 0) {
        members.push_back(i);
        in[i] = true;
      }
    }
    std::vector<std::vector<bool>> reaches(n, std::vector<bool>(n));
    for (std::uint32_t i = 0; i < n; ++i) {
      for (const std::uint32_t t : g.forward.of(i)) reaches[i][t] = in[i] && in[t];
    }
    for (std::uint32_t k = 0; k < n; ++k) {
      for (std::uint32_t i = 0; i < n; ++i) {
        for (std::uint32_t j = 0; j < n; ++j) {
          if (reaches[i][k] && reaches[k][j]) reaches[i][j] = true;
        }
      }
    }
    const Components found = components(g.forward, members);
    REQUIRE(found.of.size() == members.size());
    for (std::size_t a = 0; a < members.size(); ++a) {
      for (std::size_t b = 0; b < members.size(); ++b) {
        const bool one =
            a == b || (reaches[members[a]][members[b]] && reaches[members[b]][members[a]]);
        REQUIRE((found.of[a] == found.of[b]) == one);
        if (!one && reaches[members[a]][members[b]]) {
          REQUIRE(found.of[a] > found.of[b]);
          REQUIRE_FALSE(found.is_source[found.of[b]]);
        }
      }
      REQUIRE(found.is_cycle[found.of[a]] == reaches[members[a]][members[a]]);
    }
    for (std::size_t c = 0; c < found.is_source.size(); ++c) {
      bool referred = false;
      for (std::size_t a = 0; a < members.size(); ++a) {
        for (const std::uint32_t t : g.forward.of(members[a])) {
          for (std::size_t b = 0; b < members.size(); ++b) {
            if (members[b] == t && found.of[b] == c && found.of[a] != c) referred = true;
          }
        }
      }
      REQUIRE(found.is_source[c] == !referred);
    }
  }
}

TEST_CASE("a ring of five million is one component, and a chain as many as it has links",
          "[components][scale]") {
  constexpr std::uint32_t n = 5'000'000;
  Csr ring;
  for (std::uint32_t i = 0; i < n; ++i) {
    ring.offsets.push_back(i);
    ring.targets.push_back((i + 1) % n);
  }
  ring.offsets.push_back(n);
  const Components one = components(ring, all_of(n));
  REQUIRE(one.is_cycle == std::vector<bool>{true});
  REQUIRE(one.is_source == std::vector<bool>{true});
  ring.targets.back() = n - 1;  // the last holds itself
  const Components many = components(ring, all_of(n));
  REQUIRE(many.is_source.size() == n);
  REQUIRE(many.is_source[many.of[0]]);
  REQUIRE(many.is_cycle[many.of[n - 1]]);
  REQUIRE_FALSE(many.is_cycle[many.of[0]]);
}

TEST_CASE("a million islands are a million components", "[components][scale]") {
  constexpr std::uint32_t islands = 1'000'000;
  Csr csr;
  for (std::uint32_t i = 0; i < islands; ++i) {
    csr.offsets.push_back(2 * i);
    csr.targets.push_back(2 * i + 1);
    csr.offsets.push_back(2 * i + 1);
    csr.targets.push_back(2 * i);
  }
  csr.offsets.push_back(2 * islands);
  const Components found = components(csr, all_of(2 * islands));
  REQUIRE(found.is_cycle == std::vector<bool>(islands, true));
  REQUIRE(found.is_source == std::vector<bool>(islands, true));
}

}  // namespace
}  // namespace coreheap::graph
