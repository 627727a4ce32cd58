// Against the definition: d dominates v when removing d cuts v off from the super-root.
#include "heapparse/graph/dominators.h"

#include <algorithm>

#include "tests/unit/graph/random_graph.h"

namespace coreheap::graph {
namespace {

using testing::below;
using testing::MadeGraph;

constexpr std::uint32_t kNone = Dominators::kNone;

Dominators dominators_of(const MadeGraph& g) {
  JobControl job;
  auto found = find_dominators(g.forward, g.reverse, g.roots, g.weights, 1, job);
  REQUIRE(found.has_value());
  return std::move(*found);
}

std::vector<bool> reached_without(const MadeGraph& g, std::uint32_t removed) {
  std::vector<bool> reached(g.roots.size());
  if (removed == g.roots.super_root()) return reached;
  std::vector<std::uint32_t> open{g.roots.super_root()};
  reached[g.roots.super_root()] = true;
  const auto enter = [&](std::uint32_t v) {
    if (v == removed || reached[v]) return;
    reached[v] = true;
    open.push_back(v);
  };
  while (!open.empty()) {
    const std::uint32_t v = open.back();
    open.pop_back();
    for (const std::uint32_t t : g.out(v)) enter(t);
    if (v != g.roots.super_root()) continue;
    // What an anchored root holds is held by the super-root itself.
    for (std::uint32_t r = g.roots.objects(); r < g.roots.super_root(); ++r) {
      if (!g.roots.is_anchored(r)) continue;
      for (const std::uint32_t t : g.roots.of(r)) enter(t);
    }
  }
  return reached;
}

void check_by_definition(const MadeGraph& g) {
  const Dominators found = dominators_of(g);
  const std::uint32_t n = g.roots.size();
  const auto counts = retained_counts(found, g.roots.objects());
  const std::vector<bool> reached = reached_without(g, kNone);
  std::vector<std::vector<bool>> cut(n);  // by removed node: who is cut off
  for (std::uint32_t d = 0; d < n; ++d) cut[d] = reached_without(g, d);
  const auto dominates = [&](std::uint32_t d, std::uint32_t v) { return reached[v] && !cut[d][v]; };
  for (std::uint32_t v = 0; v < n; ++v) {
    if (!reached[v] || v == g.roots.super_root()) {
      REQUIRE(found.idom[v] == kNone);
      if (!reached[v]) REQUIRE(found.retained[v] == 0);
      continue;
    }
    // The nearest strict dominator is the one that all the others dominate.
    const std::uint32_t d = found.idom[v];
    REQUIRE(d != kNone);
    REQUIRE(d != v);
    REQUIRE(dominates(d, v));
    for (std::uint32_t other = 0; other < n; ++other) {
      if (other != v && other != d && dominates(other, v)) REQUIRE(dominates(other, d));
    }
    std::uint64_t retained = 0;
    std::uint32_t count = 0;
    for (std::uint32_t u = 0; u < g.roots.objects(); ++u) {
      if (!dominates(v, u)) continue;
      retained += g.weights[u];
      ++count;
    }
    REQUIRE(found.retained[v] == retained);
    if (v < g.roots.objects()) REQUIRE(counts[v] == count);
  }
}

TEST_CASE("dominators and retained sizes of random graphs are those of the definition",
          "[dominators]") {
  std::mt19937 random(4);
  for (int round = 0; round < 3000; ++round) {
    check_by_definition(
        testing::random_graph(random, 1 + below(random, 30), 0.3 + 0.1 * (round % 40)));
  }
}

TEST_CASE("larger random graphs, too", "[dominators]") {
  std::mt19937 random(5);
  for (int round = 0; round < 20; ++round) {
    check_by_definition(testing::random_graph(random, 150 + below(random, 100), 1.0 + round % 4));
  }
}

// One root that holds node 0.
MadeGraph rooted(Csr forward) {
  MadeGraph g;
  const auto n = static_cast<std::uint32_t>(forward.size());
  g.forward = std::move(forward);
  g.reverse = testing::transposed(g.forward);
  g.roots = RootEdges(n);
  g.roots.add(g.roots.add_root(false), 0);
  g.roots.finish();
  g.weights.assign(n, 1);
  return g;
}

TEST_CASE("along a chain of five million each link retains all behind it", "[dominators][scale]") {
  constexpr std::uint32_t n = 5'000'000;
  Csr chain;
  for (std::uint32_t i = 0; i < n; ++i) {
    chain.offsets.push_back(static_cast<std::uint32_t>(chain.targets.size()));
    if (i + 1 < n) chain.targets.push_back(i + 1);
  }
  chain.offsets.push_back(static_cast<std::uint32_t>(chain.targets.size()));
  const Dominators found = dominators_of(rooted(std::move(chain)));
  const auto counts = retained_counts(found, n);
  bool good = true;
  for (std::uint32_t i = 0; i < n; ++i) {
    good = good && found.retained[i] == n - i && counts[i] == n - i &&
           (i == 0 || found.idom[i] == i - 1);
  }
  REQUIRE(good);
}

TEST_CASE("in a doubly linked list of five million, held at its head, too", "[dominators][scale]") {
  constexpr std::uint32_t n = 5'000'000;
  Csr list;
  for (std::uint32_t i = 0; i < n; ++i) {
    list.offsets.push_back(static_cast<std::uint32_t>(list.targets.size()));
    if (i > 0) list.targets.push_back(i - 1);
    if (i + 1 < n) list.targets.push_back(i + 1);
  }
  list.offsets.push_back(static_cast<std::uint32_t>(list.targets.size()));
  MadeGraph g = rooted(std::move(list));
  Dominators found = dominators_of(g);
  bool good = true;
  for (std::uint32_t i = 1; i < n; ++i) good = good && found.idom[i] == i - 1;
  REQUIRE(good);
  REQUIRE(found.retained[0] == n);
  // Held at both ends, nobody in between retains anybody.
  g.roots.add(n, n - 1);
  g.roots.finish();
  found = dominators_of(g);
  good = true;
  for (std::uint32_t i = 0; i < n; ++i) good = good && found.idom[i] == n && found.retained[i] == 1;
  REQUIRE(good);
}

// What would be quadratic for whoever walks up the tree a step at a time: a deep chain, and many
// leaves that both its ends refer to.
TEST_CASE("leaves held by both ends of a deep chain cost no walk along it", "[dominators][scale]") {
  constexpr std::uint32_t depth = 1'000'000;
  constexpr std::uint32_t leaves = 1'000'000;
  Csr csr;
  for (std::uint32_t i = 0; i < depth; ++i) {
    csr.offsets.push_back(static_cast<std::uint32_t>(csr.targets.size()));
    if (i + 1 < depth) csr.targets.push_back(i + 1);
    if (i == 1 || i + 1 == depth) {
      for (std::uint32_t k = 0; k < leaves; ++k) csr.targets.push_back(depth + k);
    }
  }
  for (std::uint32_t k = 0; k <= leaves; ++k) {
    csr.offsets.push_back(static_cast<std::uint32_t>(csr.targets.size()));
  }
  const Dominators found = dominators_of(rooted(std::move(csr)));
  bool good = true;
  for (std::uint32_t k = 0; k < leaves; ++k) good = good && found.idom[depth + k] == 1;
  REQUIRE(good);
  REQUIRE(found.retained[1] == depth - 1 + leaves);
  REQUIRE(found.retained[2] == depth - 2);
}

// The same for inner nodes, which take part themselves: each refers to the next one's leaf.
TEST_CASE("inner nodes held by both ends of a deep chain cost no walk along it",
          "[dominators][scale]") {
  constexpr std::uint32_t depth = 1'000'000;
  constexpr std::uint32_t inner = 1'000'000;
  Csr csr;
  for (std::uint32_t i = 0; i < depth; ++i) {
    csr.offsets.push_back(static_cast<std::uint32_t>(csr.targets.size()));
    if (i + 1 < depth) csr.targets.push_back(i + 1);
    if (i == 1 || i + 1 == depth) {
      for (std::uint32_t k = 0; k < inner; ++k) csr.targets.push_back(depth + k);
    }
  }
  for (std::uint32_t k = 0; k < inner; ++k) {
    csr.offsets.push_back(static_cast<std::uint32_t>(csr.targets.size()));
    csr.targets.push_back(depth + inner + k);
  }
  for (std::uint32_t k = 0; k <= inner; ++k) {
    csr.offsets.push_back(static_cast<std::uint32_t>(csr.targets.size()));
  }
  const Dominators found = dominators_of(rooted(std::move(csr)));
  bool good = true;
  for (std::uint32_t k = 0; k < inner; ++k) {
    good = good && found.idom[depth + k] == 1 && found.idom[depth + inner + k] == depth + k;
  }
  REQUIRE(good);
}

TEST_CASE("ten million values of one dict go with it, and nothing goes with one of them",
          "[dominators][scale]") {
  constexpr std::uint32_t n = 10'000'001;
  Csr dict;
  dict.offsets.reserve(n + 1);
  dict.targets.reserve(n - 1);
  dict.offsets.push_back(0);
  for (std::uint32_t i = 1; i < n; ++i) dict.targets.push_back(i);
  for (std::uint32_t i = 0; i < n; ++i) dict.offsets.push_back(n - 1);
  const Dominators found = dominators_of(rooted(std::move(dict)));
  const auto counts = retained_counts(found, n);
  bool good = found.retained[0] == n && counts[0] == n;
  for (std::uint32_t i = 1; i < n; ++i) {
    good = good && found.idom[i] == 0 && found.retained[i] == 1 && counts[i] == 1;
  }
  REQUIRE(good);
}

TEST_CASE("a million islands hang side by side", "[dominators][scale]") {
  constexpr std::uint32_t islands = 1'000'000;
  MadeGraph g;
  for (std::uint32_t i = 0; i < islands; ++i) {
    g.forward.offsets.push_back(2 * i);
    g.forward.targets.push_back(2 * i + 1);
    g.forward.offsets.push_back(2 * i + 1);
    g.forward.targets.push_back(2 * i);
  }
  g.forward.offsets.push_back(2 * islands);
  g.reverse = testing::transposed(g.forward);
  g.roots = RootEdges(2 * islands);
  const std::uint32_t root = g.roots.add_root(false);
  for (std::uint32_t i = 0; i < islands; ++i) g.roots.add(root, 2 * i);
  g.roots.finish();
  g.weights.assign(2 * islands, 1);
  const Dominators found = dominators_of(g);
  bool good = true;
  for (std::uint32_t i = 0; i < islands; ++i) {
    good = good && found.idom[2 * i] == root && found.idom[2 * i + 1] == 2 * i &&
           found.retained[2 * i] == 2;
  }
  REQUIRE(good);
  REQUIRE(found.retained[g.roots.super_root()] == 2 * islands);
}

TEST_CASE("a cancelled search for dominators is an error", "[dominators]") {
  std::mt19937 random(6);
  const MadeGraph g = testing::random_graph(random, 10, 2);
  JobControl job;
  job.cancel();
  const auto found = find_dominators(g.forward, g.reverse, g.roots, g.weights, 1, job);
  REQUIRE_FALSE(found.has_value());
  REQUIRE(found.error().code == ErrorCode::cancelled);
}

}  // namespace
}  // namespace coreheap::graph
