// The collector's state in each place that versions keep it, and its lists when they are damaged.
#include "heapparse/python/gc_state.h"

#include <set>

#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using layouts::GcStateIn;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;
using synthetic::layout_of;

// A collector written by hand: `generations` lists of `sizes` objects.
struct Collector {
  explicit Collector(HeapBuilder& builder, std::uint32_t offset = 0) : heap(builder) {
    const auto& l = heap.layout;
    stride = l.traits.generation_strides.front();
    for (const std::uint32_t s : l.traits.generation_strides) {
      if (s == heap.gc_head_bytes + 8 || s == heap.gc_head_bytes + 16) stride = s;
    }
    switch (l.traits.gc_state_in) {
      case GcStateIn::kStaticVariables:
        generations = heap.static_memory(3 * std::uint64_t{stride});
        // The one pointer that is exported.
        heap.word(heap.static_memory(8), generations.value);
        return;
      case GcStateIn::kRuntime:
        // Behind what boot() wrote of the runtime.
        heap.static_memory(l.runtime.gc.offset + l.gc_state.struct_size);
        state = heap.runtime_struct + l.runtime.gc.offset;
        break;
      case GcStateIn::kInterpreter:
        state = heap.interpreter + l.interpreter.gc.offset;
        break;
    }
    generations = state + (offset != 0 ? offset : l.traits.generations_offsets.front());
    heap.store(state, l.gc_state.enabled, 1);
    heap.store(state, l.gc_state.debug, 32 | 1);
    permanent = state + l.gc_state.permanent_generation.offset;
    link(permanent, {});
  }

  Address head(std::size_t g) const { return generations + stride * std::uint64_t{g}; }

  // Links `objects` into the list of `at`, and marks them as tracked.
  void link(Address at, const std::vector<Address>& objects) {
    Address before = at;
    for (const Address object : objects) {
      const Address node = object - heap.gc_head_bytes;
      heap.word(before, node.value);
      heap.word(node + 8, before.value);
      if (heap.traits().gc_refs_in_head) {
        heap.store(node, heap.layout.gc_head.refs, heap.gc_state(-3));
      }
      before = node;
    }
    heap.word(before, at.value);
    heap.word(at + 8, before.value);
  }
  void counters(std::size_t g, std::int32_t threshold, std::int32_t count) {
    heap.memory.write(head(g) + heap.gc_head_bytes, threshold);
    heap.memory.write(head(g) + heap.gc_head_bytes + 4, count);
  }

  HeapBuilder& heap;
  std::uint32_t stride = 0;
  Address state;
  Address generations;
  Address permanent;
};

Runtime runtime_of(HeapBuilder& heap) {
  Runtime runtime = heap.runtime();
  if (heap.runtime_struct) runtime.runtime = heap.runtime_struct;
  runtime.module = -1;
  return runtime;
}

std::vector<Address> lists(HeapBuilder& heap, std::size_t n) {
  std::vector<Address> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back(heap.list({}));
  return out;
}

struct Found {
  GcStates states;
  GcMembers members;
};

Found find(HeapBuilder& heap) {
  const auto image = heap.image();
  const Runtime runtime = runtime_of(heap);
  JobControl job;
  GcStates states = find_gc_states(image, runtime);
  auto members = GcMembers::walk(image, runtime, states, job);
  REQUIRE(members);
  return {std::move(states), std::move(*members)};
}

// Room for the collector inside the runtime: boot() keeps only what it writes itself.
bool fits(const layouts::Layout& layout) {
  return layout.runtime.gc.offset + layout.gc_state.struct_size < synthetic::kStaticsBytes / 2;
}

TEST_CASE("generations, their counters and members are found in every version") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    if (!fits(*layout)) continue;
    HeapBuilder heap(*layout);
    heap.boot();
    Collector collector(heap);
    std::vector<std::vector<Address>> members;
    for (std::size_t g = 0; g < kGenerations; ++g) {
      members.push_back(lists(heap, 3 + 2 * g));
      collector.link(collector.head(g), members[g]);
      collector.counters(g, static_cast<std::int32_t>(700 + g), static_cast<std::int32_t>(g));
    }
    const Address untracked = heap.list({});
    const Found found = find(heap);
    REQUIRE(found.states.states.size() == 1);
    CHECK(found.states.findings.empty());
    CHECK(found.members.findings().empty());
    const GcState& state = found.states.states.front();
    for (std::size_t g = 0; g < kGenerations; ++g) {
      CHECK(state.generations[g].head == collector.head(g));
      CHECK(state.generations[g].threshold == static_cast<std::int32_t>(700 + g));
      CHECK(state.generations[g].count == static_cast<std::int32_t>(g));
      CHECK(found.members.count(0, g) == members[g].size());
      for (const Address object : members[g]) {
        const auto place = found.members.find(object);
        REQUIRE(place);
        CHECK(place->generation == g);
      }
    }
    CHECK_FALSE(found.members.find(untracked));
    CHECK(state.permanent.has_value() == layout->traits.permanent_generation);
    if (layout->gc_state.present()) {
      CHECK(state.enabled == true);
      CHECK(state.debug == 33U);
      CHECK(state.collecting == false);
    }
  }
}

TEST_CASE("generations that a distribution moved are found where they stand") {
  HeapBuilder heap(layout_of(3, 13));
  heap.boot();
  Collector collector(heap, 20);
  const auto members = lists(heap, 4);
  collector.link(collector.head(0), members);
  collector.link(collector.head(1), {});
  collector.link(collector.head(2), {});
  const Found found = find(heap);
  CHECK(found.states.states.front().generations[0].head == collector.head(0));
  CHECK(found.members.count(0, 0) == 4);
}

TEST_CASE("during a collection the pointer to the first generation says where they are") {
  HeapBuilder heap(layout_of(3, 12));
  heap.boot();
  Collector collector(heap);
  const auto members = lists(heap, 4);
  for (std::size_t g = 0; g < kGenerations; ++g) collector.link(collector.head(g), {});
  collector.link(collector.head(0), members);
  // Backward links hold reference counts.
  for (const Address object : members) heap.word(object - 8, 1 << 2 | 2);
  heap.store(collector.state, heap.layout.gc_state.generation0, collector.generations.value);
  heap.store(collector.state, heap.layout.gc_state.collecting, 1);
  const Found found = find(heap);
  CHECK(found.states.states.front().collecting == true);
  CHECK(found.members.findings().empty());
  CHECK(found.members.count(0, 0) == 4);
}

TEST_CASE("a list that is bent, cut or unlinked ends with a finding and keeps what it gave") {
  for (const auto* layout : {&layout_of(2, 7), &layout_of(3, 8), &layout_of(3, 15)}) {
    INFO(layout->name);
    for (int damage = 0; damage < 4; ++damage) {
      INFO(damage);
      HeapBuilder heap(*layout);
      if (!fits(*layout)) continue;
      heap.boot();
      Collector collector(heap);
      for (std::size_t g = 0; g < kGenerations; ++g) collector.link(collector.head(g), {});
      const auto members = lists(heap, 10);
      collector.link(collector.head(0), members);
      const Address fifth = members[4] - heap.gc_head_bytes;
      switch (damage) {
        case 0:  // back into itself: the backward link disagrees
          heap.word(fifth, (members[1] - heap.gc_head_bytes).value);
          break;
        case 1:  // out of the image
          heap.word(fifth, 0x123456789000);
          break;
        case 2:  // not aligned
          heap.word(fifth, members[5].value - heap.gc_head_bytes + 4);
          break;
        default:  // 0: no longer tracked
          heap.word(fifth, 0);
      }
      const Found found = find(heap);
      CHECK(found.members.findings().size() == 1);
      CHECK(found.members.count(0, 0) == 5);
    }
  }
}

TEST_CASE("a circle of backward links that agree is left") {
  HeapBuilder heap(layout_of(3, 12));
  heap.boot();
  Collector collector(heap);
  for (std::size_t g = 0; g < kGenerations; ++g) collector.link(collector.head(g), {});
  const auto members = lists(heap, 6);
  collector.link(collector.head(0), members);
  // The last leads to the third; a collection runs, so nobody asks for backward links.
  heap.word(members[5] - 16, (members[2] - 16).value);
  heap.store(collector.state, heap.layout.gc_state.generation0, collector.generations.value);
  heap.store(collector.state, heap.layout.gc_state.collecting, 1);
  const Found found = find(heap);
  CHECK(found.members.findings().size() == 1);
  CHECK(found.members.count(0, 0) >= 6);
  CHECK(found.members.count(0, 0) <= 18);
}

TEST_CASE("a state without list heads is a finding, not a guess") {
  HeapBuilder heap(layout_of(3, 12));
  heap.boot();
  const Found found = find(heap);
  REQUIRE(found.states.findings.size() == 1);
  CHECK(found.states.findings.front().what == "GC generations not found");
}

TEST_CASE("the collector with two old spaces calls the visited one generation 1") {
  HeapBuilder heap(layout_of(3, 14));
  REQUIRE(heap.layout.gc_state.visited_space.present());
  heap.boot();
  Collector collector(heap);
  const auto young = lists(heap, 2);
  const auto first = lists(heap, 3);
  const auto second = lists(heap, 5);
  collector.link(collector.head(0), young);
  collector.link(collector.head(1), first);
  collector.link(collector.head(2), second);
  for (std::size_t g = 0; g < kGenerations; ++g) collector.counters(g, 10, 0);
  SECTION("as one generation after the other where no object is marked") {
    const Found found = find(heap);
    CHECK_FALSE(found.states.states.front().incremental);
    CHECK(found.members.count(0, 1) == 3);
  }
  SECTION("swapped when the second is the visited one") {
    heap.store(collector.state, heap.layout.gc_state.visited_space, 1);
    for (const Address object : second) {
      const Address link = object - 16;
      heap.word(link, heap.memory.read<std::uint64_t>(link) | 1);
    }
    const Found found = find(heap);
    CHECK(found.states.states.front().incremental);
    CHECK(found.members.findings().empty());
    CHECK(found.members.count(0, 1) == 5);
    CHECK(found.members.count(0, 2) == 3);
    CHECK(found.members.find(second[0])->generation == 1);
  }
}

TEST_CASE("the words in front of an object say whether it is tracked and finalized") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    const Address object = heap.list({});
    const Address head = object - heap.gc_head_bytes;
    PythonType list;
    list.is_gc = true;
    PythonType number;
    const auto ask = [&](const PythonType& type) {
      const auto image = heap.image();
      ObjectReader reader(image.space, *layout);
      const auto gc = object_gc(reader, runtime_of(heap), type, object);
      REQUIRE(gc);
      return *gc;
    };
    CHECK_FALSE(ask(list).tracked);
    CHECK_FALSE(ask(number).collectable);
    const bool marks = !heap.traits().gc_refs_in_head || heap.traits().gc_refs_shifted;
    CHECK(ask(list).finalized.has_value() == marks);
    heap.word(head, object.value);
    heap.word(head + 8, object.value | 1);
    if (heap.traits().gc_refs_in_head) {
      heap.store(head, layout->gc_head.refs, heap.gc_state(-3) | (marks ? 1 : 0));
    }
    CHECK(ask(list).tracked);
    CHECK(ask(list).collectable);
    if (marks) CHECK(ask(list).finalized == true);
  }
}

TEST_CASE("debug flags are written as the module names them") {
  CHECK(gc_debug_text(0) == "0");
  CHECK(gc_debug_text(32) == "DEBUG_SAVEALL");
  CHECK(gc_debug_text(6) == "DEBUG_COLLECTABLE | DEBUG_UNCOLLECTABLE");
  CHECK(gc_debug_text(65) == "DEBUG_STATS | 0x40");
}

}  // namespace
