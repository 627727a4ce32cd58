// Who a native block is charged to, in structures that stale words point into.
#include "heapparse/graph/native_holders.h"

#include "tests/unit/graph/built.h"

namespace {

using namespace coreheap;
using namespace coreheap::graph;
using graph::testing::Built;
using python::synthetic::gil_layouts;
using python::synthetic::HeapBuilder;
using python::synthetic::layout_of;

std::vector<NodeId> holders(const Built& built) {
  JobControl job;
  auto found = holders_of_native_blocks(built.sources, built.graph, built.dominators, job);
  REQUIRE(found.has_value());
  return *std::move(found);
}

// An object of `type` with two words that nobody describes.
Address pointing(HeapBuilder& heap, Address type, Address first, Address second) {
  const Address at = heap.object(type, 32);
  heap.word(at + 16, first.value);
  heap.word(at + 24, second.value);
  return at;
}

TEST_CASE("a structure is its makers', whatever one stale word says", "[graph]") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address document = heap.add_static_type("xml.Document", {0, 32});
    const Address element = heap.add_static_type("xml.Element", {0, 32});
    const Address stranger = heap.add_static_type("numbers.Function", {0, 32});
    // root <-> 1 <-> 2 ... <-> 9; each has a name of its own that nothing else points to.
    constexpr int kNodes = 10;
    std::vector<Address> nodes;
    std::vector<Address> names;
    for (int i = 0; i < kNodes; ++i) {
      nodes.push_back(heap.chunk(120));
      names.push_back(heap.chunk(48));
      heap.word(nodes.back() + 8, names.back().value);
      if (i == 0) continue;
      heap.word(nodes[i - 1] + 24, nodes[i].value);
      heap.word(nodes[i] + 32, nodes[i - 1].value);
    }
    const Address owner = pointing(heap, document, nodes[0], nodes[0]);
    const Address proxy = pointing(heap, element, nodes[9], nodes[8]);
    const Address stale = pointing(heap, stranger, nodes[5], {});
    testing::hold_by_sys(heap, heap.tuple({heap.tuple({heap.list({owner, proxy})}), stale}));
    const Built built(heap);
    const auto holder = holders(built);
    const auto of = [&](Address block) { return holder[index_of(built.at(block))]; };
    CHECK(of(nodes[0]) == built.at(owner));
    CHECK(of(nodes[9]) == built.at(proxy));
    for (int i = 0; i < kNodes; ++i) {
      INFO(i);
      CHECK(of(nodes[i]) == (i < 4 ? built.at(owner) : i > 4 ? built.at(proxy) : of(nodes[4])));
      CHECK(of(nodes[i]) != built.at(stale));
      CHECK(of(names[i]) == of(nodes[i]));
    }
    CHECK(holder[index_of(built.at(owner))] == NodeId::none);
  }
}

TEST_CASE("a class of the program counts to the package of its C base", "[graph]") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address base = heap.add_static_type("db.Connection", {0, 32});
    const Address statement = heap.add_static_type("db.Statement", {0, 32});
    const Address stranger = heap.add_static_type("app.Buffer", {0, 32});
    python::synthetic::TypeSpec spec{0, 32};
    spec.base = base;
    const Address mine = heap.add_heap_type("Mine", "app", spec);
    const Address page = heap.chunk(120);
    const Address cache = heap.chunk(120);
    heap.word(page, cache.value);
    heap.word(cache, page.value);
    const Address connection = pointing(heap, mine, page, {});
    const Address one = pointing(heap, statement, cache, {});
    const Address stale = pointing(heap, stranger, page, {});
    testing::hold_by_sys(heap, heap.tuple({heap.tuple({connection, one}), stale}));
    const Built built(heap);
    const auto holder = holders(built);
    CHECK(holder[index_of(built.at(page))] == built.at(connection));
    CHECK(holder[index_of(built.at(cache))] == built.at(one));
  }
}

TEST_CASE("a statement that goes with its connection has no pages of the database", "[graph]") {
  for (const auto* layout : gil_layouts()) {
    for (const bool cached : {true, false}) {
      INFO(layout->name << (cached ? ", in the connection's cache" : ", kept by the program too"));
      HeapBuilder heap(*layout);
      python::synthetic::TypeSpec spec{0, 40};
      spec.base = heap.add_static_type("db.Connection", {0, 32});
      const Address connection_type = heap.add_heap_type("Mine", "app", spec);
      heap.store(connection_type, layout->type.dictoffset, 32);
      const Address statement_type = heap.add_static_type("db.Statement", {0, 32});
      // base <-> program; the pages are nearer to the program, by a word of what it read last.
      const Address base = heap.chunk(120);
      const Address pager = heap.chunk(120);
      const Address program = heap.chunk(120);
      const Address operations = heap.chunk(480);
      const Address page = heap.chunk(480);
      const Address next = heap.chunk(480);
      heap.word(base, program.value);
      heap.word(base + 8, pager.value);
      heap.word(pager, page.value);
      heap.word(page, next.value);
      heap.word(next, page.value);
      heap.word(program, base.value);
      heap.word(program + 8, page.value);
      heap.word(program + 16, operations.value);
      const Address statement = pointing(heap, statement_type, program, {});
      const Address connection = heap.object(connection_type, 40);
      heap.word(connection + 16, base.value);
      heap.word(connection + 32,
                heap.dict({{heap.identifier("cache"), heap.list({statement})}}).value);
      testing::hold_by_sys(heap,
                           cached ? heap.tuple({connection}) : heap.tuple({connection, statement}));
      const Built built(heap);
      const auto holder = holders(built);
      const auto of = [&](Address block) { return holder[index_of(built.at(block))]; };
      CHECK(of(base) == built.at(connection));
      CHECK(of(pager) == built.at(connection));
      CHECK(of(program) == built.at(statement));
      CHECK(of(operations) == built.at(statement));
      for (const Address one : {page, next}) {
        CHECK(of(one) == built.at(cached ? connection : statement));
      }
    }
  }
}

TEST_CASE("where no object leads to a block its root holds it", "[graph]") {
  HeapBuilder heap(layout_of(3, 11));
  const Address far = heap.chunk(96);
  const Address near = heap.chunk(96);
  heap.word(near + 16, far.value);
  heap.word(heap.static_memory(8), near.value);
  const Address lost = heap.chunk(128);
  heap.boot();
  const Built built(heap);
  const auto holder = holders(built);
  const auto root = [&](Address block) {
    return built.graph.root(holder[index_of(built.at(block))]).kind;
  };
  CHECK(root(near) == RootKind::c_globals);
  CHECK(root(far) == RootKind::c_globals);
  CHECK(root(lost) == RootKind::orphan_block);
}

TEST_CASE("charging native blocks can be cancelled", "[graph]") {
  HeapBuilder heap(layout_of(3, 11));
  heap.chunk(24);
  heap.boot();
  const Built built(heap);
  JobControl job;
  job.cancel();
  const auto found = holders_of_native_blocks(built.sources, built.graph, built.dominators, job);
  REQUIRE_FALSE(found.has_value());
  CHECK(found.error().code == ErrorCode::cancelled);
}

}  // namespace
