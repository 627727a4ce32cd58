// Views of everything that holds others, of ints, and of the words in front of instances.
#include "heapparse/python/types/array.h"
#include "heapparse/python/types/bytearray.h"
#include "heapparse/python/types/deque.h"
#include "heapparse/python/types/instance.h"
#include "heapparse/python/types/list.h"
#include "heapparse/python/types/long_int.h"
#include "heapparse/python/types/module.h"
#include "heapparse/python/types/odict.h"
#include "heapparse/python/types/set.h"
#include "heapparse/python/types/tuple.h"
#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using layouts::ManagedDict;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;
using synthetic::kLoose;
using synthetic::layout_of;
using synthetic::Read;

TEST_CASE("a list has room for more than it holds, and never less") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const auto& f = layout->list;
    const Address list = heap.list({heap.integer(1), heap.integer(2)});
    const Address empty = heap.list({});
    heap.store(list, f.allocated, 4);
    Read r(heap);
    const auto view = view_list(r.reader, list);
    REQUIRE(view.has_value());
    CHECK(view->size == 2);
    CHECK(view->allocated == 4);
    CHECK(view->items);
    REQUIRE(view_list(r.reader, empty).has_value());
    CHECK_FALSE(view_list(r.reader, empty)->items);

    const auto changed = [&](const layouts::Field& field, std::uint64_t value) {
      HeapBuilder copy = heap;
      copy.store(list, field, value);
      return view_list(Read(copy).reader, list);
    };
    CHECK_FALSE(changed(f.size, 5).has_value());
    CHECK_FALSE(changed(f.size, ~0ULL).has_value());
    CHECK_FALSE(changed(f.allocated, 1ULL << 48).has_value());
    CHECK_FALSE(changed(f.items, 0).has_value());
    // list.sort() leaves the list empty, and its room at -1, while it works.
    const auto sorting = changed(f.allocated, ~0ULL);
    REQUIRE(sorting.has_value());
    CHECK(sorting->size == 0);
    CHECK_FALSE(sorting->items);
  }
}

TEST_CASE("a tuple's items lie in it, behind a hash where tuples keep one") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address tuple = heap.tuple({heap.integer(1), heap.integer(2), heap.integer(3)});
    Read r(heap);
    const auto view = view_tuple(r.reader, tuple);
    REQUIRE(view.has_value());
    CHECK(view->size == 3);
    CHECK(view->items == tuple + (layout->traits.tuple_has_hash ? 32 : 24));
    heap.store(tuple, layout->tuple.size, 1ULL << 48);
    CHECK_FALSE(view_tuple(Read(heap).reader, tuple).has_value());
  }
}

TEST_CASE("a set's table is in it while it is small") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const auto& f = layout->set;
    const Address set = heap.object(heap.type("set"), f.struct_size);
    heap.store(set, f.mask, 7);
    heap.store(set, f.fill, 3);
    heap.store(set, f.used, 2);
    heap.store(set, f.table, (set + f.small_table.offset).value);
    {
      Read r(heap);
      const auto view = view_set(r.reader, set);
      REQUIRE(view.has_value());
      CHECK(view->embedded);
      CHECK(view->used == 2);
      CHECK(view->slots == 8);
    }
    heap.store(set, f.table, kLoose.value);
    heap.store(set, f.mask, 31);
    {
      Read r(heap);
      const auto view = view_set(r.reader, set);
      REQUIRE(view.has_value());
      CHECK_FALSE(view->embedded);
      CHECK(view->table == kLoose);
      CHECK(view->table_bytes() == 32 * 16);
    }
    const auto refused = [&](const layouts::Field& field, std::uint64_t value) {
      HeapBuilder copy = heap;
      copy.store(set, field, value);
      return !view_set(Read(copy).reader, set).has_value();
    };
    CHECK(refused(f.mask, 6));
    CHECK(refused(f.mask, ~0ULL));
    CHECK(refused(f.mask, (1ULL << 44) | ((1ULL << 44) - 1)));
    CHECK(refused(f.used, 4));
    CHECK(refused(f.fill, 33));
    CHECK(refused(f.fill, ~0ULL));
    CHECK(refused(f.table, 0));
  }
}

// A deque of `blocks` blocks; gives them from left to right.
std::vector<Address> make_deque(HeapBuilder& heap, Address deque, std::size_t blocks,
                                std::uint64_t size) {
  const auto& l = heap.layout;
  std::vector<Address> chain;
  for (std::size_t i = 0; i < blocks; ++i)
    chain.push_back(heap.allocate(l.deque_block.struct_size));
  for (std::size_t i = 0; i + 1 < blocks; ++i) {
    heap.store(chain[i], l.deque_block.right_link, chain[i + 1].value);
    heap.store(chain[i + 1], l.deque_block.left_link, chain[i].value);
  }
  heap.store(deque, l.deque.left_block, chain.front().value);
  heap.store(deque, l.deque.right_block, chain.back().value);
  heap.store(deque, l.deque.size, size);
  return chain;
}

std::vector<Address> blocks_of(ObjectReader& reader, const DequeView& view) {
  std::vector<Address> out;
  for_each_block(reader, view, [&](Address block) { out.push_back(block); });
  return out;
}

TEST_CASE("a deque's blocks are met from left to right, its spares beside them") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address deque = heap.object(heap.type("collections.deque"), layout->deque.struct_size);
    const auto chain = make_deque(heap, deque, 3, 130);
    heap.store(deque, layout->deque.num_free_blocks, 2);
    Read r(heap);
    const auto view = view_deque(r.reader, deque);
    REQUIRE(view.has_value());
    CHECK(blocks_of(r.reader, *view) == chain);
    if (layout->deque.free_blocks.present()) {
      CHECK(view->spare_count == 2);
      CHECK(view->spare_blocks == deque + layout->deque.free_blocks.offset);
    } else {
      CHECK(view->spare_count == 0);
    }
    heap.store(deque, layout->deque.num_free_blocks, 17);  // never more than 16
    Read damaged(heap);
    CHECK(view_deque(damaged.reader, deque)->spare_count == 0);
  }
}

TEST_CASE("a deque whose chain loops or breaks ends after what its size allows") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address deque = heap.object(heap.type("collections.deque"), layout->deque.struct_size);
    const auto chain = make_deque(heap, deque, 3, 130);
    heap.store(chain[1], layout->deque_block.right_link, chain[0].value);
    {
      Read r(heap);
      CHECK(blocks_of(r.reader, *view_deque(r.reader, deque)).size() <= 130 / 32 + 2);
    }
    heap.store(deque, layout->deque.size, (1ULL << 48) - 1);
    {
      Read r(heap);
      CHECK(blocks_of(r.reader, *view_deque(r.reader, deque)).size() < 10);
    }
    heap.store(deque, layout->deque.size, 130);
    heap.store(chain[1], layout->deque_block.right_link, 0);
    {
      Read r(heap);
      CHECK(blocks_of(r.reader, *view_deque(r.reader, deque)) ==
            std::vector<Address>{chain[0], chain[1]});
    }
    heap.store(deque, layout->deque.size, 1ULL << 50);
    CHECK_FALSE(view_deque(Read(heap).reader, deque).has_value());
    heap.store(deque, layout->deque.size, 1);
    heap.store(deque, layout->deque.left_block, 0);
    CHECK_FALSE(view_deque(Read(heap).reader, deque).has_value());
  }
}

TEST_CASE("the nodes of an ordered dict end, loop or no loop") {
  for (const auto* layout : gil_layouts()) {
    if (!layout->traits.ordered_dict_in_c) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address odict =
        heap.object(heap.type("collections.OrderedDict"), layout->odict.struct_size);
    heap.fill_dict(
        odict, {{heap.identifier("a"), heap.integer(1)}, {heap.identifier("b"), heap.integer(2)}});
    const Address first = heap.allocate(layout->odict_node.struct_size);
    const Address second = heap.allocate(layout->odict_node.struct_size);
    heap.store(first, layout->odict_node.next, second.value);
    heap.store(odict, layout->odict.first, first.value);
    heap.store(odict, layout->odict.fast_nodes, kLoose.value);
    heap.store(odict, layout->odict.fast_nodes_size, 8);
    const auto nodes = [&] {
      Read r(heap);
      std::vector<Address> out;
      const auto view = view_odict(r.reader, odict);
      REQUIRE(view.has_value());
      CHECK(view->fast_nodes == kLoose);
      for_each_node(r.reader, *view, [&](Address node) { out.push_back(node); });
      return out;
    };
    CHECK(nodes() == std::vector<Address>{first, second});
    heap.store(second, layout->odict_node.next, first.value);
    CHECK(nodes() == std::vector<Address>{first, second});
    heap.store(odict, layout->dict.used, ~0ULL);
    CHECK(nodes().size() < 10);
    heap.store(odict, layout->dict.used, 2);
    heap.store(first, layout->odict_node.next, 0x1000);
    CHECK(nodes() == std::vector<Address>{first, Address{0x1000}});
    heap.store(odict, layout->odict.fast_nodes_size, 1ULL << 44);
    CHECK_FALSE(view_odict(Read(heap).reader, odict).has_value());
  }
}

TEST_CASE("ints have a sign and digits, in one word or two") {
  for (const auto* layout : gil_layouts()) {
    for (const std::int64_t value :
         {0LL, 1LL, -1LL, 5LL, (1LL << 30) - 1, 1LL << 30, -(1LL << 40), (1LL << 59) + 3}) {
      INFO(layout->name << ", " << value);
      HeapBuilder heap(*layout);
      const Address at = heap.long_integer(value);
      Read r(heap);
      CHECK(long_value(r.reader, at) == value);
      const auto view = view_long(r.reader, at);
      REQUIRE(view.has_value());
      CHECK(view->negative == (value < 0));
      CHECK(view->digit_count == (value == 0 ? 0U : std::abs(value) < (1LL << 30) ? 1U : 2U));
    }
  }
}

TEST_CASE("an int of three digits has no value of 63 bits, and nonsense is refused") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address at = heap.long_integer(1LL << 40);
    const auto with = [&](std::uint64_t tag, std::uint64_t size) {
      HeapBuilder copy = heap;
      copy.store(at, layout->long_int.tag, tag);
      copy.store(at, layout->long_int.size, size);
      Read r(copy);
      return std::pair(view_long(r.reader, at).has_value(), long_value(r.reader, at).has_value());
    };
    CHECK(with(3 << 3, 3) == std::pair(true, false));
    CHECK(with(3 << 3 | 2, static_cast<std::uint64_t>(-3)) == std::pair(true, false));
    CHECK(with(~0ULL, 1ULL << 63) == std::pair(false, false));
    CHECK(with(1ULL << 48, 1ULL << 45) == std::pair(false, false));
    // Small ints are marked in bit 2 from 3.14 on; it is no part of the size.
    if (layout->traits.long_form == layouts::LongForm::kTag) {
      CHECK(with(2 << 3 | 4, 0) == std::pair(true, true));
    }
  }
}

TEST_CASE("a bytearray's storage is where it was allocated, its data where it begins now") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const auto& f = layout->bytearray;
    const Address at = heap.object(heap.type("bytearray"), f.struct_size);
    heap.store(at, f.size, 10);
    heap.store(at, f.alloc, 33);
    heap.store(at, f.bytes, kLoose.value);
    heap.store(at, f.start, (kLoose + 5).value);
    Read r(heap);
    const auto view = view_bytearray(r.reader, at);
    REQUIRE(view.has_value());
    CHECK(view->size == 10);
    CHECK(view->allocated == 33);
    CHECK(view->data == (f.start.present() ? kLoose + 5 : kLoose));
    CHECK(view->storage == (layout->traits.bytearray_in_bytes_object ? Address{} : kLoose));
    heap.store(at, f.size, ~0ULL);
    CHECK_FALSE(view_bytearray(Read(heap).reader, at).has_value());
  }
}

TEST_CASE("an array's items may be nowhere, and a module's dict is a pointer") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address at = heap.object(heap.type("array.array"), layout->array.struct_size);
    const Address dict = heap.dict({});
    const Address module = heap.module(dict);
    const Address bare = heap.module(Address{});
    {
      Read r(heap);
      REQUIRE(view_array(r.reader, at).has_value());
      CHECK_FALSE(view_array(r.reader, at)->items);
      CHECK(module_dict(r.reader, module) == dict);
      CHECK_FALSE(module_dict(r.reader, bare).has_value());
    }
    heap.store(at, layout->array.items, kLoose.value);
    heap.store(at, layout->array.size, 3);
    heap.store(at, layout->array.allocated, 4);
    Read r(heap);
    CHECK(view_array(r.reader, at)->items == kLoose);
    heap.store(at, layout->array.size, ~0ULL);
    CHECK_FALSE(view_array(Read(heap).reader, at).has_value());
  }
}

TEST_CASE("the words in front of an instance say where its attributes are") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const auto& t = layout->traits;
    const Address object = kLoose + 0x100;
    const Address values = kLoose + 0x818;  // behind a prefix of 24 bytes
    heap.memory.write(values - 1, std::uint8_t{24});
    const auto attributes = [&] {
      Read r(heap);
      return managed_attributes(r.reader, object);
    };
    CHECK_FALSE(attributes().dict);
    CHECK_FALSE(attributes().values_block);
    switch (t.managed_dict) {
      case ManagedDict::kNone:
        heap.word(object - 24, kLoose.value);
        heap.word(object - 32, values.value);
        CHECK_FALSE(attributes().dict);
        CHECK_FALSE(attributes().values_block);
        break;
      case ManagedDict::kValuesAndDict:
        heap.word(object - 24, kLoose.value);
        CHECK(attributes().dict == kLoose);
        heap.word(object - 32, values.value);
        CHECK(attributes().dict == kLoose);
        CHECK(attributes().values_block == values - 24);
        break;
      case ManagedDict::kTagged:
        heap.word(object - 32, kLoose.value);  // weak references
        heap.word(object - 24, kLoose.value);
        CHECK(attributes().dict == kLoose);
        CHECK_FALSE(attributes().values_block);
        heap.word(object - 24, values.value - 1);
        CHECK_FALSE(attributes().dict);
        CHECK(attributes().values_block == values - 24);
        break;
      case ManagedDict::kDictOnly:
        heap.word(object - 32, values.value);
        heap.word(object - 24, kLoose.value);
        CHECK(attributes().dict == kLoose);
        CHECK_FALSE(attributes().values_block);
        break;
    }
    // A values pointer that leads nowhere is no block.
    heap.word(object - 32, 0x7001);
    heap.word(object - 24, 0x7001);
    CHECK_FALSE(attributes().values_block);
  }
}

TEST_CASE("a values block begins a prefix before its first value, where there is a prefix") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.memory.write(kLoose + 0x3f, std::uint8_t{16});
    Read r(heap);
    const bool prefix = layout->traits.values_have_prefix;
    CHECK(values_block(r.reader, kLoose + 0x40) == (prefix ? kLoose + 0x30 : kLoose + 0x40));
    CHECK(values_block(r.reader, Address{0x1000}).has_value() == !prefix);
  }
}

}  // namespace
