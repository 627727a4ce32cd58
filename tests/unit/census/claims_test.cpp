// Buffers tied to their owners, what is no object because an owner says so, and dead objects.
#include "heapparse/census/claims.h"

#include "tests/unit/census/world.h"

namespace {

using namespace coreheap;
using namespace coreheap::census;
using census::testing::row_of;
using census::testing::World;
using layouts::DictForm;
using layouts::FreelistForm;
using python::synthetic::gil_layouts;
using python::synthetic::HeapBuilder;
using python::synthetic::layout_of;

constexpr Address kLow{0x1c40000};  // where programs that are not PIE have their heap

// An array.array that owns a block of these words.
struct Array {
  Address object;
  Address items;
};
Array array_of(HeapBuilder& heap, const std::vector<std::uint64_t>& words) {
  Array out;
  out.object = heap.object(heap.type("array.array"), heap.layout.array.struct_size);
  out.items = heap.allocate(8 * words.size());
  for (std::size_t i = 0; i < words.size(); ++i) heap.word(out.items + 8 * i, words[i]);
  heap.store(out.object, heap.layout.array.items, out.items.value);
  heap.store(out.object, heap.layout.array.size, words.size());
  heap.store(out.object, heap.layout.array.allocated, words.size());
  return out;
}

TEST_CASE("a list's table is a buffer of the list, found from its middle too") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address one = heap.integer(1);
    const Address list = heap.list({one, one, one, one});
    const Address items{heap.memory.read<std::uint64_t>(list + layout->list.items.offset)};
    World world(heap);
    const Census census = world.census();
    const RowId row = row_of(census, items + 13);
    CHECK(census.rows.address(row) == items);
    CHECK(census.label_of(row).kind == Kind::list_items);
    CHECK(census.rows.owner(row) == row_of(census, list));
    CHECK_FALSE(census.rows.holds_object(row));
    CHECK(census.kind_of(row_of(census, list)) == "list");
    CHECK(census.rows.object(row_of(census, list)) == list);
    CHECK(census.rows.owner(row_of(census, one)) == RowId::none);
  }
}

TEST_CASE("a table of classes that a list claims is a buffer, whatever it looks like") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.memory.add_region(kLow, 0x1000, image::MappingKind::anonymous);
    // [something on a low heap, object]: as good as an instance of `object`.
    const Address claimed = heap.list({kLow + 0x40, heap.object_type});
    const Address claimed_items{
        heap.memory.read<std::uint64_t>(claimed + layout->list.items.offset)};
    const Address unclaimed = heap.object(heap.object_type, 16, kLow.value + 0x40);
    World world(heap);
    const Census census = world.census();
    CHECK(census.label_of(row_of(census, claimed_items)).kind == Kind::list_items);
    CHECK_FALSE(census.rows.holds_object(row_of(census, claimed_items)));
    // Without a claim the benefit of the doubt.
    CHECK(census.rows.holds_object(row_of(census, unclaimed)));
  }
}

TEST_CASE("contents of a buffer that look like a live or a dead object are contents") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Array alive = array_of(heap, {1, heap.object_type.value});
    const Array dead = array_of(heap, {0, heap.object_type.value});
    World world(heap);
    const Census census = world.census();
    for (const Array& a : {alive, dead}) {
      const RowId row = row_of(census, a.items);
      CHECK(census.label_of(row).kind == Kind::array_items);
      CHECK(census.rows.state(row) == State::used);
      CHECK_FALSE(census.rows.holds_object(row));
      CHECK(census.rows.owner(row) == row_of(census, a.object));
    }
  }
}

// The words of a list object, GC head included, that points to `items`.
std::vector<std::uint64_t> list_image(const HeapBuilder& heap, Address items) {
  std::vector<std::uint64_t> words((heap.gc_head_bytes + heap.layout.list.struct_size) / 8);
  const std::size_t at = heap.gc_head_bytes / 8;
  words[at] = 1;
  words[at + heap.layout.object.type.offset / 8] = heap.type("list").value;
  words[at + heap.layout.list.size.offset / 8] = 1;
  words[at + heap.layout.list.items.offset / 8] = items.value;
  words[at + heap.layout.list.allocated.offset / 8] = 1;
  return words;
}

TEST_CASE("what a buffer claims that only looks like an object is nobody's") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address victim = heap.allocate(80);
    heap.word(victim, 0x8899aabbccddeeffULL);
    const Array fake = array_of(heap, list_image(heap, victim));
    World world(heap);
    const Census census = world.census();
    CHECK(census.label_of(row_of(census, fake.items)).kind == Kind::array_items);
    CHECK(census.rows.owner(row_of(census, victim)) == RowId::none);
    CHECK(census.label_of(row_of(census, victim)).kind == Kind::uncategorized);
  }
}

TEST_CASE("a claim that turned out void does not stand in the way of the true owner's") {
  for (const auto* layout : gil_layouts()) {
    for (const bool fake_first : {true, false}) {
      INFO(layout->name << (fake_first ? ", impostor first" : ", owner first"));
      HeapBuilder heap(*layout);
      const Address items = heap.allocate(72);
      heap.word(items, heap.integer(5).value);
      Array fake;
      // Blocks of one size class are handed out upwards: the first is the lower row.
      if (fake_first) fake = array_of(heap, list_image(heap, items));
      const Address list = heap.object(heap.type("list"), layout->list.struct_size);
      if (!fake_first) fake = array_of(heap, list_image(heap, items));
      heap.store(list, layout->list.items, items.value);
      heap.store(list, layout->list.size, 1);
      heap.store(list, layout->list.allocated, 9);
      World world(heap);
      const Census census = world.census();
      CHECK(census.label_of(row_of(census, fake.items)).kind == Kind::array_items);
      CHECK(census.label_of(row_of(census, items)).kind == Kind::list_items);
      CHECK(census.rows.owner(row_of(census, items)) == row_of(census, list));
    }
  }
}

TEST_CASE("keys that instances share belong to their class") {
  for (const auto* layout : gil_layouts()) {
    if (!layout->heap_type.cached_keys.present()) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address node = heap.add_heap_type("Node", "app", {heap.flags().have_gc, 32});
    const Address keys = heap.keys_object({}, layouts::DictKeysKind::kSplit);
    heap.store(keys, layout->dict_keys.refcnt, 2);
    heap.store(node, layout->heap_type.cached_keys, keys.value);
    const Address dict = heap.dict({});
    const Address values = heap.allocate(72) + (layout->traits.values_have_prefix ? 24 : 0);
    if (layout->traits.values_have_prefix) heap.memory.write(values - 1, std::uint8_t{24});
    heap.store(dict, layout->dict.keys, keys.value);
    heap.store(dict, layout->dict.values, values.value);
    World world(heap);
    const Census census = world.census();
    CHECK(census.label_of(row_of(census, keys)).kind == Kind::dict_keys_shared);
    CHECK(census.rows.owner(row_of(census, keys)) == row_of(census, node));
    CHECK(census.label_of(row_of(census, values)).kind == Kind::dict_values);
    CHECK(census.rows.owner(row_of(census, values)) == row_of(census, dict));
  }
}

TEST_CASE("a claim on a free block, on static memory or on the middle of a block is void") {
  HeapBuilder heap(layout_of(3, 11));
  const Address freed = heap.allocate(64);
  heap.free_block(freed);
  const Address block = heap.allocate(64);
  heap.word(block, 0x8899aabbccddeeffULL);
  for (const Address items : {freed, block + 16, heap.static_memory(16), Address{0x1000}}) {
    const Address list = heap.list({});
    heap.store(list, heap.layout.list.items, items.value);
    heap.store(list, heap.layout.list.allocated, 4);
  }
  World world(heap);
  const Census census = world.census();
  CHECK(census.label_of(row_of(census, freed)).kind == Kind::pymalloc_free);
  CHECK(census.label_of(row_of(census, block)).kind == Kind::uncategorized);
  for (std::uint32_t i = 0; i < census.rows.size(); ++i) {
    CHECK(census.label_of(RowId{i}).kind != Kind::list_items);
  }
}

TEST_CASE("under the debug hooks a buffer starts behind its prefix") {
  HeapBuilder heap(layout_of(3, 9), {0, 16});
  const Address list = heap.list({heap.integer(1)});
  const Address items{heap.memory.read<std::uint64_t>(list + heap.layout.list.items.offset)};
  World world(heap);
  const Census census = world.census();
  CHECK(census.rows.address(row_of(census, items)) == items - 16);
  CHECK(census.label_of(row_of(census, items)).kind == Kind::list_items);
  CHECK(census.rows.object(row_of(census, list)) == list);
}

TEST_CASE("dead objects are cached, by their refcount or by the list they are on") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    const Address dead = heap.object(heap.type("tuple"), layout->tuple.items.offset + 8, 0);
    heap.store(dead, layout->tuple.size, 1);
    Address linked;  // dead, and recognisable only by the list that leads to it
    if (layout->traits.freelist_form == FreelistForm::kHeadSizePairs) {
      const Address lists = heap.interpreter + layout->interpreter.freelists.offset;
      linked = heap.object(heap.type("list"), layout->list.struct_size, 0);
      const Address next = heap.object(heap.type("list"), layout->list.struct_size, 0);
      heap.word(linked, next.value);  // over the refcount
      heap.word(lists + layout->freelists.lists.offset, linked.value);
    }
    World world(heap);
    const Census census = world.census();
    const RowId row = row_of(census, dead);
    CHECK(census.rows.state(row) == State::cached);
    CHECK(census.label_of(row).kind == Kind::free_list_object);
    CHECK(census.detail_of(row) == "tuple");
    CHECK_FALSE(census.rows.holds_object(row));
    if (linked) {
      CHECK(census.rows.state(row_of(census, linked)) == State::cached);
      CHECK(census.detail_of(row_of(census, linked)) == "list");
    }
  }
}

TEST_CASE(
    "without pymalloc a dead object is cached when a list leads to it, else its block is unknown") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    const std::uint64_t bytes = layout->tuple.items.offset + 24U;
    const auto dead = [&] {
      const Address at = heap.chunk(heap.gc_head_bytes + bytes) + heap.gc_head_bytes;
      heap.header(at, heap.type("tuple"), 0);
      heap.store(at, layout->tuple.size, 2);
      if (heap.traits().gc_refs_in_head) {
        heap.store(at - heap.gc_head_bytes, layout->gc_head.refs, heap.gc_state(-2));
      }
      return at;
    };
    const Address first = dead(), second = dead(), forgotten = dead();
    heap.word(heap.static_memory(8), first.value);  // the head of a list
    heap.word(first + layout->tuple.items.offset, second.value);
    World world(heap);
    world.pools = {};
    const Census census = world.census();
    for (const Address cached : {first, second}) {
      const RowId row = row_of(census, cached);
      CHECK(census.rows.state(row) == State::cached);
      CHECK(census.label_of(row).kind == Kind::free_list_object);
    }
    const RowId row = row_of(census, forgotten);
    CHECK(census.rows.state(row) == State::used);
    CHECK(census.label_of(row).kind == Kind::uncategorized);
    CHECK_FALSE(census.rows.holds_object(row));
  }
}

TEST_CASE("dead floats of lists without an address are told by their links") {
  for (const auto* layout : gil_layouts()) {
    if (layout->traits.freelist_form != FreelistForm::kStaticVariables ||
        layout->traits.int_blocks) {
      continue;
    }
    for (const std::uint32_t alignment : layout->traits.pymalloc_alignments) {
      for (const std::uint32_t prefix : {0U, 16U}) {
        INFO(layout->name << ", alignment " << alignment << ", prefix " << prefix);
        HeapBuilder heap(*layout, {0, prefix, alignment});
        std::vector<Address> list;
        for (int i = 0; i < 4; ++i) {
          list.push_back(heap.allocate(24));
          heap.word(list.back() + 16, 0x400921fb54442d18);
        }
        for (std::size_t i = 0; i + 1 < list.size(); ++i) {
          heap.word(list[i] + 8, list[i + 1].value);
        }
        const Address lone = heap.allocate(24);
        World world(heap);
        const Census census = world.census();
        for (const Address a : list) {
          CHECK(census.rows.state(row_of(census, a)) == State::cached);
          CHECK(census.detail_of(row_of(census, a)) == "float");
        }
        CHECK(census.rows.state(row_of(census, lone)) == State::used);
      }
    }
  }
}

TEST_CASE("ints of old versions are slots of a block of their own") {
  HeapBuilder heap(layout_of(2, 7));
  const Address block = heap.chunk(heap.layout.traits.int_block_size);
  Address next{};
  for (std::uint64_t i = 0; i < 41; ++i) {
    const Address slot = block + 8 + 24 * i;
    if (i % 4 == 3) {
      heap.word(slot + 8, next.value);  // free: linked through the type word
      next = slot;
    } else {
      heap.header(slot, heap.type("int"), 1);
      heap.word(slot + 16, i);
    }
  }
  World world(heap);
  const Census census = world.census();
  for (std::uint64_t i = 0; i < 41; ++i) {
    INFO(i);
    const Address slot = block + 8 + 24 * i;
    const RowId row = row_of(census, slot + 5);
    CHECK(census.rows.address(row) == slot);
    CHECK(census.rows.size(row) == 24);
    CHECK(census.extent_of(row) == AddressRange{slot, slot + 24});
    CHECK(census.rows.holds_object(row) == (i % 4 != 3));
    CHECK(census.rows.state(row) == (i % 4 == 3 ? State::cached : State::used));
    if (i % 4 == 3) CHECK(census.label_of(row).kind == Kind::int_block);
  }
  // The block's link and the chunk's own words are no row.
  CHECK(census.row_holding(block) == RowId::none);
  CHECK(census.range_holding(block) != nullptr);
  CHECK(check(census, world.image).empty());
}

}  // namespace
