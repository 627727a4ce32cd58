// Chunks that begin with what an earlier owner left.
#include "heapparse/census/stale_heads.h"

#include "tests/unit/census/world.h"

namespace {

using namespace coreheap;
using namespace coreheap::census;
using census::testing::row_of;
using census::testing::World;
using python::synthetic::gil_layouts;
using python::synthetic::HeapBuilder;

// A list of one reference in a chunk of its own. Its head says nothing of the collector.
Address list_in_chunk(HeapBuilder& heap, std::uint64_t reference, std::uint64_t refcount = 1) {
  const auto& layout = heap.layout;
  const Address at = heap.chunk(heap.gc_head_bytes + layout.list.struct_size) + heap.gc_head_bytes;
  heap.header(at, heap.type("list"), refcount);
  const Address items = heap.chunk(8);
  heap.word(items, reference);
  heap.store(at, layout.list.items, items.value);
  heap.store(at, layout.list.size, 1);
  heap.store(at, layout.list.allocated, 1);
  if (heap.traits().gc_refs_in_head) {
    heap.store(at - heap.gc_head_bytes, layout.gc_head.refs, heap.gc_state(-2));  // untracked
  }
  return at;
}

// Makes the collector know of it: a list of this one object and a head. While a collection runs,
// links back are counts (from 3.8 on).
void track(HeapBuilder& heap, Address object, bool collecting = false) {
  const Address head = heap.chunk(24);
  const Address own = object - heap.gc_head_bytes;
  for (const auto& [from, to] : {std::pair{own, head}, std::pair{head, own}}) {
    heap.word(from, to.value);
    heap.word(from + 8, to.value);
  }
  if (heap.traits().gc_refs_in_head) {
    heap.store(own, heap.layout.gc_head.refs, heap.gc_state(-3));  // reachable
  } else if (collecting) {
    heap.word(head + 8, 4 * 200'000);
  }
}

TEST_CASE("what no collector lists and refers to what is no object is no object, nor owns any") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address sound = list_in_chunk(heap, heap.integer(7).value);
    const Address empty = list_in_chunk(heap, 0);
    const Address stale = list_in_chunk(heap, 0x30);
    // Not listed, as tuples of atoms are not; an item of it is damaged.
    std::vector<Address> items(100, heap.integer(7));
    items[50] = Address{0x30};
    const Address tuple = heap.tuple(items);
    const Address stale_items{heap.memory.read<std::uint64_t>(stale + layout->list.items.offset)};
    heap.memory.add_region(Address{0x7f0000000000}, 0x1000, image::MappingKind::anonymous);
    heap.memory.lose({Address{0x7f0000000000}, Address{0x7f0000001000}});
    const Address unread = list_in_chunk(heap, 0x7f0000000100);
    const Address damaged = list_in_chunk(heap, 0x30);
    track(heap, damaged);
    World world(heap);
    const Census census = world.census();
    CHECK(census.rows.holds_object(row_of(census, sound)));
    CHECK(census.rows.holds_object(row_of(census, empty)));
    CHECK(census.rows.holds_object(row_of(census, unread)));
    CHECK(census.rows.holds_object(row_of(census, tuple)));
    // The collector vouches for it: damage, which `verify` reports.
    CHECK(census.rows.holds_object(row_of(census, damaged)));
    const RowId row = row_of(census, stale);
    CHECK_FALSE(census.rows.holds_object(row));
    CHECK(census.label_of(row).kind == Kind::uncategorized);
    CHECK(census.rows.state(row) == State::used);
    CHECK(census.rows.owner(row_of(census, stale_items)) == RowId::none);
  }
}

TEST_CASE("what no collector lists has no hundred thousand holders, a tuple excepted") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    // Room for as many words: nothing has more references than its image has words.
    heap.memory.add_region(Address{0x7f0000000000}, 4 << 20, image::MappingKind::anonymous);
    const Address few = list_in_chunk(heap, 0, 1000);
    const Address many = list_in_chunk(heap, 0, 200'000);
    const Address tracked = list_in_chunk(heap, 0, 200'000);
    track(heap, tracked);
    const Address collected = list_in_chunk(heap, 0, 200'000);
    track(heap, collected, true);
    std::vector<Address> none(64);
    const Address tuple = heap.tuple(none);
    heap.store(tuple, layout->object.refcnt, 200'000);
    World world(heap);
    const Census census = world.census();
    CHECK(census.rows.holds_object(row_of(census, few)));
    CHECK(census.rows.holds_object(row_of(census, tracked)));
    CHECK(census.rows.holds_object(row_of(census, collected)));
    CHECK(census.rows.holds_object(row_of(census, tuple)));
    CHECK_FALSE(census.rows.holds_object(row_of(census, many)));
  }
}

}  // namespace
