// A synthesised heap with its graph and dominators, for the tests of what is made from them.
#pragma once

#include <vector>

#include "heapparse/graph/graph.h"
#include "tests/unit/census/world.h"

namespace coreheap::graph::testing {

using census::testing::World;
using python::synthetic::HeapBuilder;

// A heap whose census and graph are worked out.
struct Built {
  explicit Built(HeapBuilder& heap)
      : world(heap),
        rows(world.census()),
        sources{world.image, rows, &world.runtime, &world.types} {
    auto built = build(sources, world.job);
    REQUIRE(built.has_value());
    graph = std::move(*built);
    auto found = find_dominators(graph, world.job);
    REQUIRE(found.has_value());
    dominators = std::move(*found);
  }
  NodeId at(Address a) const {
    const NodeId id = graph.node_at(a);
    REQUIRE(id != NodeId::none);
    return id;
  }
  RootKind root_kind(Address a) const { return graph.root(graph.root_of(at(a))).kind; }
  std::uint64_t retained(Address a) const { return dominators.retained[index_of(at(a))]; }
  std::vector<NodeId> referrers(Address a) const {
    std::vector<NodeId> out;
    graph.for_each_referrer(at(a), [&](NodeId id) { out.push_back(id); });
    return out;
  }

  World world;
  census::Census rows;
  Sources sources;
  Graph graph;
  Dominators dominators;
};

inline void refcount(HeapBuilder& heap, Address a, std::uint64_t count) {
  heap.store(a, heap.layout.object.refcnt, count);
}

// sys.CACHE holds `value`.
inline void hold_by_sys(HeapBuilder& heap, Address value) {
  heap.boot();
  heap.fill_dict(heap.sysdict, {{heap.identifier("hexversion"),
                                 heap.integer(static_cast<std::int64_t>(heap.hexversion()))},
                                {heap.identifier("CACHE"), value}});
}

}  // namespace coreheap::graph::testing
