// The graph of a synthesised heap, in every version's form: roots, audit, garbage, orphans, names.
#include "heapparse/graph/graph.h"

#include <algorithm>

#include "heapparse/graph/edge_names.h"
#include "heapparse/graph/holders.h"
#include "heapparse/graph/paths.h"
#include "heapparse/graph/retained_set.h"
#include "tests/unit/graph/built.h"

namespace {

using namespace coreheap;
using namespace coreheap::graph;
using census::testing::World;
using graph::testing::Built;
using graph::testing::hold_by_sys;
using graph::testing::refcount;
using python::synthetic::gil_layouts;
using python::synthetic::HeapBuilder;
using python::synthetic::layout_of;

TEST_CASE("nodes are objects and native blocks, in address order, found by address and by row",
          "[graph]") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address one = heap.integer(1);
    const Address list = heap.list({one, one});
    const Address items{heap.memory.read<std::uint64_t>(list + layout->list.items.offset)};
    hold_by_sys(heap, list);
    const Address native = heap.chunk(3000);
    const Built built(heap);
    const NodeTable& table = built.graph.table();
    NodeTable::Hint hint;
    Address before;
    for (std::uint32_t i = 0; i < table.size(); ++i) {
      const NodeId id{i};
      REQUIRE(table.address(id) > before);
      before = table.address(id);
      REQUIRE(table.find(before) == id);
      REQUIRE(table.node(table.row(id)) == id);
      REQUIRE(table.find(before + 1) == NodeId::none);
      REQUIRE(table.last_up_to(before, hint) == id);
      REQUIRE(table.last_up_to(before + 7, hint) == id);
    }
    CHECK(table.last_up_to(native + 2999, hint) == built.at(native));
    CHECK(table.last_up_to(Address{8}, hint) == NodeId::none);
    // A buffer is its owner's, in nodes and in weight.
    CHECK(table.find(items) == NodeId::none);
    CHECK(built.graph.node_at(items + 3) == built.at(list));
    const auto& rows = built.rows.rows;
    CHECK(built.graph.weight(built.at(list)) ==
          rows.size(built.rows.row_holding(list)) + rows.size(built.rows.row_holding(items)));
    CHECK(built.graph.is_object(built.at(list)));
    CHECK_FALSE(built.graph.is_object(built.at(native)));
    CHECK(built.graph.weight(built.at(heap.type("list"))) == 0);  // static
  }
}

TEST_CASE("references run both ways, as often as they are held", "[graph]") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address one = heap.integer(1000);
    refcount(heap, one, 2);
    const Address list = heap.list({one, one});
    hold_by_sys(heap, list);
    const Built built(heap);
    std::vector<NodeId> held;
    built.graph.for_each_referent(built.at(list), [&](NodeId id) { held.push_back(id); });
    CHECK(held == std::vector<NodeId>(2, built.at(one)));
    CHECK(built.referrers(one) == std::vector<NodeId>(2, built.at(list)));
    CHECK(built.graph.in_refs(built.at(one)) == 2);
    CHECK(built.graph.out_refs(built.at(list)) == 2);
    CHECK(built.graph.unexplained(built.at(one)) == 0);
  }
}

TEST_CASE("a way begins at sys.modules, with names; what only it holds is retained", "[graph]") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address inner = heap.list({heap.integer(70000)});
    const Address list = heap.list({inner});
    hold_by_sys(heap, list);
    const Built built(heap);
    const Path path = kept_path(built.graph, built.at(inner));
    REQUIRE(path.size() >= 4);
    CHECK(built.graph.root(path.front()).kind == RootKind::modules);
    CHECK(path[path.size() - 1] == built.at(inner));
    CHECK(path[path.size() - 2] == built.at(list));
    CHECK(path[path.size() - 3] == built.at(heap.sysdict));
    EdgeNames names(built.sources, built.graph);
    CHECK(names.of(built.at(heap.sysdict), built.at(list)).front().text == "['CACHE']");
    CHECK(names.of(built.at(list), built.at(inner)).front().text == "[0]");
    CHECK(built.graph.depth(built.at(inner)) == built.graph.depth(built.at(list)) + 1);
    CHECK(built.graph.depths()[index_of(built.at(inner))] == built.graph.depth(built.at(inner)));
    CHECK(built.retained(list) == built.graph.weight(built.at(list)) + built.retained(inner));
    JobControl job;
    const std::vector<NodeId> set{built.at(list)};
    const auto exact = retained_set(built.graph, set, job);
    REQUIRE(exact.has_value());
    CHECK(exact->bytes == built.retained(list));
    CHECK(exact->nodes[index_of(built.at(inner))]);
    // Without the list nothing leads to it.
    const auto around = paths_by_holder(built.graph, built.at(inner), set, 5, job);
    REQUIRE(around.has_value());
    CHECK(around->empty());
    const auto between =
        path_between(built.graph, built.at(heap.sysdict), built.at(inner), {}, job);
    REQUIRE(between.has_value());
    CHECK(*between == Path{built.at(heap.sysdict), built.at(list), built.at(inner)});
    CHECK(path_between(built.graph, built.at(inner), built.at(list), {}, job)->empty());
  }
}

TEST_CASE("what two hold, neither retains; removed together they free it", "[graph]") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address shared = heap.bytes(std::string(400, 'x'));
    refcount(heap, shared, 2);
    const Address a = heap.list({shared});
    const Address b = heap.list({shared});
    hold_by_sys(heap, heap.tuple({a, b}));
    const Built built(heap);
    const std::uint64_t own = built.graph.weight(built.at(a));
    CHECK(built.retained(a) == own);
    JobControl job;
    const std::vector<NodeId> set{built.at(a), built.at(b)};
    const auto exact = retained_set(built.graph, set, job);
    REQUIRE(exact.has_value());
    CHECK(exact->count == 3);
    CHECK(exact->bytes == 2 * own + built.graph.weight(built.at(shared)));
    const auto paths = paths_by_holder(built.graph, built.at(shared), {}, 10, job);
    REQUIRE(paths.has_value());
    CHECK(paths->size() == 2);
  }
}

TEST_CASE("a cycle that nothing refers to is garbage, one that C refers to is not", "[graph]") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const auto cycle = [&](std::uint64_t count) {
      const Address text = heap.bytes("hangs on the cycle");
      const Address list = heap.list({text, text});
      const Address items{heap.memory.read<std::uint64_t>(list + layout->list.items.offset)};
      heap.word(items + 8, list.value);
      refcount(heap, list, count);
      return std::pair(list, text);
    };
    const auto [dead, with_it] = cycle(1);
    const auto [leaked, kept] = cycle(2);
    const auto [in_c, also_kept] = cycle(2);
    heap.word(heap.static_memory(8), in_c.value);
    heap.boot();
    const Built built(heap);
    CHECK(built.graph.is_garbage(built.at(dead)));
    CHECK(built.graph.is_garbage(built.at(with_it)));
    CHECK(built.root_kind(with_it) == RootKind::unreachable);
    CHECK(built.graph.garbage().size() == 2);
    CHECK(built.graph.garbage_components()[0] != built.graph.garbage_components()[1]);
    CHECK_FALSE(built.graph.is_garbage(built.at(leaked)));
    CHECK(built.root_kind(leaked) == RootKind::c_references);
    CHECK(built.graph.unexplained(built.at(leaked)) == 1);
    CHECK(built.graph.is_reachable(built.at(kept)));
    CHECK(built.root_kind(in_c) == RootKind::c_globals);
    CHECK(built.graph.unexplained(built.at(in_c)) == 0);
    CHECK(built.graph.is_reachable(built.at(also_kept)));
  }
}

TEST_CASE("a stale word holds nothing: the refcount has no room for it", "[graph]") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address list = heap.list({});
    hold_by_sys(heap, heap.tuple({list}));
    heap.word(heap.static_memory(8), list.value);
    const Address block = heap.chunk(64);
    heap.word(block, list.value);
    const Built built(heap);
    REQUIRE(built.referrers(list).size() == 1);
    CHECK(built.graph.out_refs(built.at(block)) == 0);
  }
}

TEST_CASE("native blocks: held by objects' words, by one another, by C, or by nobody", "[graph]") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address far = heap.chunk(96);
    const Address near = heap.chunk(96);
    heap.word(near + 16, far.value);
    heap.word(heap.static_memory(8), near.value);
    const Address lost = heap.chunk(128);
    const Address ring_a = heap.chunk(160);
    const Address ring_b = heap.chunk(160);
    heap.word(ring_a, ring_b.value);
    heap.word(ring_b, ring_a.value);
    // An orphan still holds what only it explains.
    const Address object = heap.list({});
    heap.word(lost + 24, object.value);
    heap.boot();
    const Built built(heap);
    CHECK(built.root_kind(near) == RootKind::c_globals);
    CHECK(built.referrers(far) == std::vector<NodeId>{built.at(near)});
    CHECK(built.graph.is_conservative(built.at(near), built.at(far)));
    CHECK(built.root_kind(lost) == RootKind::orphan_block);
    CHECK_FALSE(built.graph.is_reachable(built.at(lost)));
    CHECK(built.root_kind(ring_a) == RootKind::orphan_block);
    CHECK(built.root_kind(ring_b) == RootKind::orphan_block);
    CHECK(built.referrers(object) == std::vector<NodeId>{built.at(lost)});
    CHECK_FALSE(built.graph.is_garbage(built.at(object)));
    CHECK(built.retained(lost) ==
          built.graph.weight(built.at(lost)) + built.graph.weight(built.at(object)));
  }
}

TEST_CASE("a block that only words into its middle point to is held by them", "[graph]") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address global = heap.static_memory(16);
    // A list that links through its last field, as intrusive lists do.
    std::vector<Address> pages;
    for (int i = 0; i < 4; ++i) {
      pages.push_back(heap.chunk(480));
      if (i > 0) heap.word(pages[i - 1] + 448, (pages[i] + 440).value);
    }
    heap.word(global, (pages[0] + 440).value);
    // Held by its address: words into it say nothing more.
    const Address exact = heap.chunk(480);
    heap.word(global + 8, exact.value);
    heap.word(pages[2] + 16, (exact + 8).value);
    // The byte behind the last is no part of a block.
    const Address beside = heap.chunk(120);
    heap.word(pages[3] + 16, (beside + 120).value);
    heap.boot();
    const Built built(heap);
    for (const Address page : pages) CHECK(built.root_kind(page) == RootKind::c_globals);
    CHECK(built.referrers(pages[2]) == std::vector<NodeId>{built.at(pages[1])});
    CHECK(built.graph.is_conservative(built.at(pages[1]), built.at(pages[2])));
    CHECK(built.graph.out_refs(built.at(pages[2])) == 1);
    CHECK(built.root_kind(beside) == RootKind::orphan_block);
    const auto& middle = built.graph.held_by_middle();
    CHECK(middle.size() == pages.size());
    for (const Address page : pages) {
      CHECK(std::binary_search(middle.begin(), middle.end(), index_of(built.at(page))));
    }
  }
}

TEST_CASE("behind a semaphore of glibc is what its block held before: a lock holds nothing by it",
          "[graph]") {
  for (const auto* layout : gil_layouts()) {
    if (!layout->lock.pointer.present()) continue;  // 3.13 on: one byte in the object
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address semaphore = heap.chunk(32);  // a sem_t, 16 bytes of which are written
    const Address before = heap.chunk(600);
    heap.word(semaphore + 16, before.value);
    const Address type =
        heap.add_static_type(layout->name[0] == '2' ? "thread.lock" : "_thread.lock", {0, 64});
    const Address lock = heap.object(type, 64);
    heap.word(lock + layout->lock.pointer.offset, semaphore.value);
    hold_by_sys(heap, lock);
    const Built built(heap);
    CHECK(built.graph.node_at(semaphore) == built.at(lock));
    CHECK(built.graph.out_refs(built.at(lock)) == 0);
    CHECK(built.root_kind(before) == RootKind::orphan_block);
  }
}

TEST_CASE("what rounds an object's block up holds nothing, what makes it larger does", "[graph]") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address held = heap.chunk(600);
    const Address stale = heap.chunk(600);
    const Address behind = heap.chunk(600);
    // 528 bytes are in a chunk of 536.
    const Address exact = heap.object(heap.add_static_type("native.Exact", {0, 528}), 528);
    heap.word(exact + 520, held.value);
    heap.word(exact + 528, stale.value);
    // A C struct behind its object, as cffi has it.
    const Address larger = heap.object(heap.add_static_type("native.Larger", {0, 528}), 592);
    heap.word(larger + 576, behind.value);
    heap.boot();
    const Built built(heap);
    CHECK(built.referrers(held) == std::vector<NodeId>{built.at(exact)});
    CHECK(built.root_kind(stale) == RootKind::orphan_block);
    CHECK(built.referrers(behind) == std::vector<NodeId>{built.at(larger)});
  }
}

TEST_CASE("every node is on a way from a root, and all bytes hang in the tree", "[graph]") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    hold_by_sys(heap, heap.dict({{heap.identifier("a"), heap.list({heap.integer(5)})}}));
    heap.chunk(500);
    const Built built(heap);
    for (std::uint32_t i = 0; i < built.graph.objects(); ++i) {
      REQUIRE(built.graph.is_root(built.graph.root_of(NodeId{i})));
      REQUIRE(built.dominators.idom[i] != Dominators::kNone);
    }
    CHECK(built.dominators.retained[index_of(built.graph.super_root())] ==
          built.graph.total_weight());
  }
}

TEST_CASE("holders are what modules keep, and their bytes what would go with them", "[graph]") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    std::vector<Address> texts;
    texts.reserve(20);
    for (int i = 0; i < 20; ++i) texts.push_back(heap.bytes(std::string(300, 'x')));
    const Address list = heap.list(texts);
    hold_by_sys(heap, heap.tuple({list}));
    const Built built(heap);
    JobControl job;
    const auto found = find_holders(built.sources, built.graph, built.dominators, job);
    REQUIRE(found.has_value());
    REQUIRE_FALSE(found->holders.empty());
    const Holder& first = found->holders.front();
    CHECK(first.accumulation == built.at(list));
    CHECK(first.part_count == 20);
    CHECK(first.bytes == built.dominators.retained[index_of(first.place)]);
    CHECK(first.root == RootKind::modules);
    std::uint64_t sum = found->code + found->garbage + found->orphans;
    for (const Holder& one : found->holders) sum += one.bytes;
    CHECK(sum == found->total);
    // Node by node the holders have the same bytes.
    std::vector<std::uint64_t> bytes(found->holders.size());
    const auto by_node = holders_by_node(built.graph, built.dominators, *found);
    for (std::uint32_t i = 0; i < built.graph.objects(); ++i) {
      if (by_node[i] != Dominators::kNone) bytes[by_node[i]] += built.graph.weight(NodeId{i});
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) CHECK(bytes[i] == found->holders[i].bytes);
    CHECK(by_node[index_of(built.at(texts[7]))] == 0);
  }
}

TEST_CASE("without Python native blocks are all there is", "[graph]") {
  HeapBuilder heap(layout_of(3, 12));
  heap.boot();
  const Address block = heap.chunk(64);
  World world(heap);
  const census::Census rows = world.census();
  const auto built = build({world.image, rows}, world.job);
  REQUIRE(built.has_value());
  CHECK(built->audit().mortal == 0);
  CHECK(built->garbage().empty());
  CHECK(built->node_at(block) != NodeId::none);
}

TEST_CASE("a cancelled build of the graph is an error", "[graph]") {
  HeapBuilder heap(layout_of(3, 11));
  heap.boot();
  World world(heap);
  const census::Census rows = world.census();
  world.job.cancel();
  const auto built = build({world.image, rows, &world.runtime, &world.types}, world.job);
  REQUIRE_FALSE(built.has_value());
  CHECK(built.error().code == ErrorCode::cancelled);
}

}  // namespace
