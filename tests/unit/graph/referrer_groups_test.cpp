// Groups of objects by what refers to them.
#include "heapparse/graph/referrer_groups.h"

#include "tests/unit/catch.h"
#include "tests/unit/census/world.h"

namespace {

using namespace coreheap;
using namespace coreheap::graph;
using census::testing::World;
using python::synthetic::gil_layouts;
using python::synthetic::HeapBuilder;

// A heap whose sys module holds one value, its graph and its groups.
struct Grouped {
  Grouped(HeapBuilder& heap, Address value) : world(ready(heap, value)) {
    auto rows_built = world.census();
    rows = std::make_unique<census::Census>(std::move(rows_built));
    const Sources sources{world.image, *rows, &world.runtime, &world.types};
    auto built = build(sources, world.job);
    REQUIRE(built.has_value());
    graph = std::move(*built);
    auto kinds_found = by_referrers(sources, graph, world.job);
    REQUIRE(kinds_found.has_value());
    kinds = std::move(*kinds_found);
    auto names_found = by_reference_names(sources, graph, world.job);
    REQUIRE(names_found.has_value());
    names = std::move(*names_found);
  }
  static HeapBuilder& ready(HeapBuilder& heap, Address value) {
    heap.boot();
    heap.fill_dict(heap.sysdict, {{heap.identifier("hexversion"),
                                   heap.integer(static_cast<std::int64_t>(heap.hexversion()))},
                                  {heap.identifier("CACHE"), value}});
    return heap;
  }
  std::string kinds_of(Address a) const { return text(kinds, a); }
  std::string names_of(Address a) const { return text(names, a); }
  std::string text(const NodeGroups& groups, Address a) const {
    const NodeId id = graph.node_at(a);
    REQUIRE(id != NodeId::none);
    REQUIRE(groups.of.size() == graph.objects());
    return groups.names[groups.of[index_of(id)]];
  }

  World world;
  std::unique_ptr<census::Census> rows;
  Graph graph;
  NodeGroups kinds;
  NodeGroups names;
};

TEST_CASE("objects are grouped by the kinds of their referrers and by the names they go under",
          "[graph]") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address both = heap.bytes("held by a list and a dict");
    const Address twice = heap.bytes("held twice by one list");
    const Address list = heap.list({both, twice, twice});
    const Address dict = heap.dict({{heap.identifier("key"), both}});
    const Address alone = heap.bytes("held by nobody");
    const Grouped grouped(heap, heap.tuple({list, dict}));
    CHECK(grouped.kinds_of(both) == "dict (no owner), list");
    CHECK(grouped.kinds_of(twice) == "list");
    CHECK(grouped.kinds_of(list) == "tuple");
    CHECK(grouped.kinds_of(alone) == "<nothing>");
    CHECK(grouped.names_of(both) == "['key'], [0]");
    CHECK(grouped.names_of(twice) == "[1], [2]");
    CHECK(grouped.names_of(dict) == "[1]");
    CHECK(grouped.names_of(alone) == "<nothing>");
  }
}

TEST_CASE("places in big containers are one name, and sets of too many are one group", "[graph]") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    std::vector<Address> items;
    items.reserve(kMostPlaces + 6);
    for (std::uint32_t i = 0; i < kMostPlaces + 6; ++i) items.push_back(heap.integer(70000 + i));
    const Address popular = heap.bytes("held by many dicts, each under its own key");
    std::vector<Address> holders{heap.list(items)};
    for (std::uint32_t i = 0; i < kMostMembers + 5; ++i) {
      holders.push_back(heap.dict({{heap.identifier("key" + std::to_string(i)), popular}}));
    }
    const Grouped grouped(heap, heap.tuple(holders));
    CHECK(grouped.names_of(items[9]) == "[...]");
    CHECK(grouped.kinds_of(items[9]) == "list");
    CHECK(grouped.names_of(popular) == "<more than 100>");
    CHECK(grouped.kinds_of(popular) == "dict (no owner)");
  }
}

}  // namespace
