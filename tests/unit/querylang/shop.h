// The heap that the statement files of tests/query are about: a small shop, synthesised.
//
// Six orders in classes written in Python, one of them of a subclass: `Order` keeps its fields in
// slots, `Customer` in a dict. Texts that are equal and kept more than once, dicts with int and str
// keys, blocks that are free or nobody's.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "querylang/run.h"
#include "tests/unit/census/world.h"

namespace coreheap::query::testing {

using python::synthetic::HeapBuilder;

// A class as a class statement makes it; with companions, because classes are told from C types by
// being many.
inline Address add_class(HeapBuilder& heap, const std::string& name, const std::string& module,
                         python::synthetic::TypeSpec spec) {
  constexpr std::uint64_t kDealloc = 0x1000;
  for (int i = 0; i < 3; ++i) {
    const Address other = heap.add_heap_type("Other" + std::to_string(i) + name, module, {});
    heap.store(other, heap.layout.type.dealloc, kDealloc);
  }
  spec.flags |= heap.flags().have_gc;
  const Address at = heap.add_heap_type(name, module, spec);
  heap.store(at, heap.layout.type.dealloc, kDealloc);
  heap.store(at, heap.layout.type.traverse, 0x1100);
  return at;
}

inline void add_slots(HeapBuilder& heap, Address type,
                      const std::vector<std::pair<const char*, std::uint64_t>>& slots) {
  const auto& f = heap.layout.member_def;
  heap.store(type, heap.layout.var_object.size, slots.size());
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const Address member = type + heap.layout.heap_type.struct_size + i * f.struct_size;
    heap.store(member, f.name, heap.c_string(slots[i].first).value);
    heap.store(member, f.type, 16);
    heap.store(member, f.offset, slots[i].second);
  }
}

struct Shop {
  explicit Shop(const layouts::Layout& layout) : heap(layout) {
    const std::uint64_t head = layout.object.struct_size;
    const auto& f = layout.member_def;
    const Address order = add_class(heap, "Order", "shop.orders", {0, head + 32});
    heap.chunk(5 * f.struct_size);  // the definitions of slots lie behind the type object
    add_slots(
        heap, order,
        {{"status", head}, {"items", head + 8}, {"customer", head + 16}, {"total", head + 24}});
    const Address vip = add_class(heap, "VipOrder", "shop.orders", {0, head + 32, 0, order});
    const Address customer = add_class(heap, "Customer", "shop.people", {0, head + 8});
    heap.store(customer, layout.type.dictoffset, head);

    const Address open = heap.identifier("open");
    const Address closed = heap.identifier("closed");
    const auto person = [&](const char* name, std::int64_t age) {
      const Address at = heap.object(customer, head + 8);
      heap.word(at + head, heap.dict({{heap.identifier("name"), heap.identifier(name)},
                                      {heap.identifier("age"), heap.integer(age)}})
                               .value);
      return at;
    };
    const std::vector<Address> people = {person("ann", 31), person("bob", 44)};
    for (int i = 0; i < 6; ++i) {
      const Address at = heap.object(i == 5 ? vip : order, head + 32);
      std::vector<Address> items;
      for (int k = 0; k <= i; ++k) items.push_back(heap.integer(100 * i + k));
      heap.word(at + head, (i % 3 == 0 ? closed : open).value);
      heap.word(at + head + 8, heap.list(items).value);
      heap.word(at + head + 16, people[static_cast<std::size_t>(i) % 2].value);
      // The fourth has no total: its slot is empty.
      if (i != 3) heap.word(at + head + 24, heap.integer(10 * (i + 1)).value);
    }
    for (int i = 0; i < 3; ++i) heap.identifier("a text that is kept more than once");
    heap.identifier("a text that is kept once, and is longer");
    heap.dict(
        {{heap.integer(1), heap.identifier("one")}, {heap.integer(2), heap.identifier("two")}});
    heap.dict({{heap.identifier("key"), heap.list({heap.integer(7), heap.integer(8)})}});
    heap.tuple({heap.integer(1), heap.identifier("x")});
    heap.free_block(heap.allocate(48));
    heap.chunk(5000);
    heap.chunk(100, glibc::ChunkState::bin);
    heap.boot();
    world = std::make_unique<census::testing::World>(heap);
    census = std::make_unique<census::Census>(world->census());
  }

  Heap view() {
    return {world->image,
            *census,
            world->heaps,
            world->pools,
            &world->runtime,
            &world->types,
            [this](JobControl& job) { return object_graph(job); },
            [this](JobControl& job) { return dominator_tree(job); }};
  }
  Result<const graph::Graph*> object_graph(JobControl& job) {
    if (!graph) {
      auto built = graph::build({world->image, *census, &world->runtime, &world->types}, job);
      if (!built) return std::unexpected(built.error());
      graph = std::make_unique<graph::Graph>(std::move(*built));
    }
    return graph.get();
  }
  Result<const graph::Dominators*> dominator_tree(JobControl& job) {
    const auto built = object_graph(job);
    if (!built) return std::unexpected(built.error());
    if (!dominators) {
      auto found = graph::find_dominators(**built, job);
      if (!found) return std::unexpected(found.error());
      dominators = std::make_unique<graph::Dominators>(std::move(*found));
    }
    return dominators.get();
  }

  HeapBuilder heap;
  std::unique_ptr<census::testing::World> world;
  std::unique_ptr<census::Census> census;
  std::unique_ptr<graph::Graph> graph;
  std::unique_ptr<graph::Dominators> dominators;
};

}  // namespace coreheap::query::testing
