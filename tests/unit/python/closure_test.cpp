// Objects by closure: what leads to them, what only looks as if it did, and where it ends.
#include "heapparse/python/closure.h"

#include <algorithm>
#include <set>

#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;
using synthetic::kLoose;
using synthetic::Read;

struct Closed {
  explicit Closed(HeapBuilder& heap) : read(heap) {
    const Runtime runtime = heap.runtime();
    JobControl job;
    auto types = find_types(read.image, runtime, {heap.malloc_heap()}, {}, job);
    REQUIRE(types.has_value());
    auto found = objects_by_closure(read.image, runtime, *types, job);
    REQUIRE(found.has_value());
    closure = std::move(*found);
    for (const ClosureObject& one : closure.objects) {
      addresses.insert(one.address);
      REQUIRE(one.type < types->all().size());
    }
  }
  bool has(Address a) const { return addresses.contains(a); }

  Read read;
  Closure closure;
  std::set<Address> addresses;
};

// A word of the module's own data.
void point_from_module(HeapBuilder& heap, Address to) {
  heap.word(heap.static_memory(8), to.value);
}

TEST_CASE("a closure holds what the interpreter leads to, each object once and in order") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    const Address number = heap.integer(70001);
    const Address inner = heap.list({number, number});
    const Address held = heap.tuple({inner, inner});
    const Address alone = heap.list({heap.integer(70002)});
    point_from_module(heap, held);
    const Closed closed(heap);
    for (const Address a : {heap.modules, heap.sysdict, heap.builtins, held, inner, number}) {
      CHECK(closed.has(a));
    }
    CHECK_FALSE(closed.has(alone));
    const auto& objects = closed.closure.objects;
    CHECK(closed.addresses.size() == objects.size());
    CHECK(std::is_sorted(objects.begin(), objects.end(),
                         [](const auto& a, const auto& b) { return a.address < b.address; }));
    CHECK(closed.closure.from_states > 0);
    CHECK(closed.closure.from_modules > 0);
  }
}

TEST_CASE("cycles and chains of any length end") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    const Address first = heap.list({heap.type_type});
    Address last = first;
    std::vector<Address> chain{first};
    for (int i = 0; i < 400; ++i) chain.push_back(last = heap.list({last}));
    const Address table{heap.memory.read<std::uint64_t>(first + layout->list.items.offset)};
    heap.word(table, last.value);  // the first holds the last: a ring
    point_from_module(heap, chain[200]);
    const Closed closed(heap);
    CHECK(std::all_of(chain.begin(), chain.end(), [&](Address a) { return closed.has(a); }));
  }
}

TEST_CASE("a word that only resembles a pointer to an object brings nothing in") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    const Address dead = heap.object(heap.type("object"), 16, 0);
    const Address counted_by_an_address = heap.object(heap.type("object"), 16, kLoose.value + 64);
    const Address typeless = heap.object(kLoose + 128, 16);
    const Address odd = heap.list({}) + 4;
    // More references than the image has words, and no address either.
    const Address overcounted = heap.object(heap.type("object"), 16, 0x30000000);
    const Address sound = heap.object(heap.type("object"), 16, 3);
    for (const Address a : {dead, counted_by_an_address, typeless, odd, overcounted, sound}) {
      point_from_module(heap, a);
    }
    const Closed closed(heap);
    for (const Address a : {dead, counted_by_an_address, typeless, odd}) CHECK_FALSE(closed.has(a));
    if (layout->traits.compiled_in_refcount == 0) CHECK_FALSE(closed.has(overcounted));
    CHECK(closed.has(sound));
  }
}

TEST_CASE("the hash of an address before a class, as tables have them, is no refcount") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    // Low, as a program that is not relocated has its classes and its heap.
    heap.memory.add_region(Address{0x200000}, 0x1000, image::MappingKind::anonymous);
    heap.memory.add_region(Address{0x10000000}, 0x200000, image::MappingKind::anonymous);
    // The second is of no address: nothing says that it is none.
    const Address hash = heap.object(heap.type("object"), 16, 0x200040 >> 4);
    const Address count = heap.object(heap.type("object"), 16, 0x300040 >> 4);
    point_from_module(heap, hash);
    point_from_module(heap, count);
    const Closed closed(heap);
    CHECK_FALSE(closed.has(hash));
    if (layout->traits.compiled_in_refcount == 0) CHECK(closed.has(count));
  }
}

TEST_CASE("a class that is on no list and held by nothing is not alive for resembling one") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    const Address freed = heap.add_heap_type("Freed", "app", {heap.flags().have_gc, 16});
    const Address held = heap.add_heap_type("Held", "app", {heap.flags().have_gc, 16});
    const Address instance = heap.object(held, 16);
    // Old bytes name the class that is gone; a word leads to them, and to an instance of the other.
    const Address stale = heap.object(freed, 16);
    const Address guessed = heap.object(held, 16);
    for (const Address a : {stale, guessed}) point_from_module(heap, a);
    point_from_module(heap, heap.list({instance}));
    const Closed closed(heap);
    CHECK_FALSE(closed.has(freed));
    CHECK_FALSE(closed.has(stale));
    CHECK(closed.has(guessed));
    CHECK(closed.has(instance));
    CHECK(closed.has(held));
  }
}

TEST_CASE("a word leads to nothing that is tracked and on no list of the collector") {
  for (const auto* layout : gil_layouts()) {
    const auto& traits = layout->traits;
    if (traits.gc_refs_in_head || traits.gc_bits_in_object) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    const Address held = heap.add_heap_type("Held", "app", {heap.flags().have_gc, 16});
    point_from_module(heap, heap.list({held}));
    // The tail of an old tuple: its length and its first item in the place of an object's head, its
    // refcount and type in the place of the collector's links.
    const Address tail = heap.object(held, 16);
    heap.word(tail - 16, 1);
    heap.word(tail - 8, heap.type("tuple").value);
    point_from_module(heap, tail);
    const Closed closed(heap);
    CHECK(closed.has(held));
    CHECK_FALSE(closed.has(tail));
  }
}

}  // namespace
