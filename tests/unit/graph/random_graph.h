// Graphs made up for tests: random ones with repeats, self-loops, roots of both sorts and parts
// that nothing reaches; and shapes that are hard on an algorithm.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "heapparse/graph/csr.h"
#include "heapparse/graph/root_edges.h"
#include "tests/unit/catch.h"

namespace coreheap::graph::testing {

inline std::uint32_t below(std::mt19937& random, std::uint32_t n) {
  return std::uniform_int_distribution<std::uint32_t>(0, n - 1)(random);
}

struct MadeGraph {
  Csr forward;
  Csr reverse;
  RootEdges roots;
  std::vector<std::uint32_t> weights;

  std::vector<std::uint32_t> out(std::uint32_t v) const {
    std::vector<std::uint32_t> targets;
    if (v == roots.super_root()) {
      for (std::uint32_t r = roots.objects(); r < v; ++r) targets.push_back(r);
    } else if (v >= roots.objects()) {
      const auto held = roots.of(v);
      targets.assign(held.begin(), held.end());
    } else {
      const auto held = forward.of(v);
      targets.assign(held.begin(), held.end());
    }
    return targets;
  }
};

inline Csr csr_of(const std::vector<std::vector<std::uint32_t>>& lists) {
  Csr csr;
  csr.offsets.push_back(0);
  for (const auto& list : lists) {
    for (const std::uint32_t t : list) csr.targets.push_back(t);
    csr.offsets.push_back(static_cast<std::uint32_t>(csr.targets.size()));
  }
  return csr;
}

inline Csr transposed(const Csr& forward) {
  JobControl job;
  auto reverse = transpose(forward, job);
  REQUIRE(reverse.has_value());
  return std::move(*reverse);
}

inline MadeGraph random_graph(std::mt19937& random, std::uint32_t n, double edges_a_node) {
  std::vector<std::vector<std::uint32_t>> lists(n);
  const auto edges = static_cast<std::uint32_t>(n * edges_a_node);
  for (std::uint32_t e = 0; e < edges; ++e) {
    const std::uint32_t from = below(random, n);
    // Mostly near, as in a heap; sometimes itself, sometimes twice.
    std::uint32_t to =
        below(random, 4) == 0 ? below(random, n) : std::min(n - 1, from + below(random, 5));
    lists[from].push_back(to);
    if (below(random, 8) == 0) lists[from].push_back(to);
  }
  MadeGraph g;
  g.forward = csr_of(lists);
  g.reverse = transposed(g.forward);
  g.roots = RootEdges(n);
  const std::uint32_t roots = 1 + below(random, 4);
  for (std::uint32_t r = 0; r < roots; ++r) {
    const std::uint32_t root = g.roots.add_root(below(random, 4) == 0);
    for (std::uint32_t k = below(random, 3); k > 0; --k) g.roots.add(root, below(random, n));
  }
  g.roots.finish();
  for (std::uint32_t i = 0; i < n; ++i) g.weights.push_back(below(random, 100));
  return g;
}

}  // namespace coreheap::graph::testing
