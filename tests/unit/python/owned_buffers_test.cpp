// Which raw allocations belong to an object.
#include "heapparse/python/owned_buffers.h"

#include <set>

#include "heapparse/python/types/dict.h"
#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using layouts::DictForm;
using layouts::DictKeysKind;
using layouts::ManagedDict;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;
using synthetic::kLoose;
using synthetic::Read;

using Buffers = std::set<std::pair<BufferKind, Address>>;

Buffers buffers_of(HeapBuilder& heap, Address object) {
  Read r(heap);
  JobControl job;
  const auto table = find_types(r.image, heap.runtime(), {heap.malloc_heap()}, {}, job);
  REQUIRE(table.has_value());
  const auto type = table->find(*r.reader.type_of(object));
  REQUIRE(type.has_value());
  Buffers out;
  const Runtime runtime = heap.runtime();
  Decoder decoder(r.image.space, runtime, *table);
  for_each_owned_buffer(decoder, {object, &(*table)[*type]},
                        [&](const OwnedBuffer& b) { out.emplace(b.kind, b.start); });
  if (!out.empty()) CHECK(may_own_buffers(heap.layout, (*table)[*type]));
  return out;
}

TEST_CASE("lists, sets, arrays and bytearrays own their tables when they lie apart") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address list = heap.list({heap.integer(1)});
    const Address items{heap.memory.read<std::uint64_t>(list + layout->list.items.offset)};
    CHECK(buffers_of(heap, list) == Buffers{{BufferKind::list_items, items}});
    CHECK(buffers_of(heap, heap.list({})).empty());
    CHECK(buffers_of(heap, heap.tuple({list})).empty());
    CHECK(buffers_of(heap, heap.integer(7)).empty());

    const Address set = heap.object(heap.type("set"), layout->set.struct_size);
    heap.store(set, layout->set.mask, 7);
    heap.store(set, layout->set.table, (set + layout->set.small_table.offset).value);
    CHECK(buffers_of(heap, set).empty());
    heap.store(set, layout->set.table, kLoose.value);
    CHECK(buffers_of(heap, set) == Buffers{{BufferKind::set_table, kLoose}});

    const Address array = heap.object(heap.type("array.array"), layout->array.struct_size);
    CHECK(buffers_of(heap, array).empty());
    heap.store(array, layout->array.items, kLoose.value);
    CHECK(buffers_of(heap, array) == Buffers{{BufferKind::array_items, kLoose}});

    const Address bytearray = heap.object(heap.type("bytearray"), layout->bytearray.struct_size);
    heap.store(bytearray, layout->bytearray.bytes, kLoose.value);
    CHECK(buffers_of(heap, bytearray) == (layout->traits.bytearray_in_bytes_object
                                              ? Buffers{}
                                              : Buffers{{BufferKind::bytearray_bytes, kLoose}}));
  }
}

TEST_CASE("a dict owns its table, and not one that lies in it or is its class's") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    synthetic::HeapBuilder::Items many;
    for (int i = 0; i < 20; ++i) {
      many.emplace_back(heap.identifier("k" + std::to_string(i)), heap.integer(i));
    }
    const Address dict = heap.dict(many);
    const Address small = heap.dict({});
    if (layout->traits.dict_form == DictForm::kEmbeddedTable) {
      const Address table{heap.memory.read<std::uint64_t>(dict + layout->dict.table.offset)};
      CHECK(buffers_of(heap, dict) == Buffers{{BufferKind::dict_table, table}});
      CHECK(buffers_of(heap, small).empty());
      continue;
    }
    const Address keys{heap.memory.read<std::uint64_t>(dict + layout->dict.keys.offset)};
    CHECK(buffers_of(heap, dict) == Buffers{{BufferKind::dict_keys, keys}});
    // A split table: the values are the dict's, the keys only when nobody else refers to them.
    const Address values = kLoose + 0x100;
    heap.memory.write(values - 1, std::uint8_t{32});
    heap.store(dict, layout->dict.values, values.value);
    const Address block = layout->traits.values_have_prefix ? values - 32 : values;
    heap.store(keys, layout->dict_keys.refcnt, 2);
    CHECK(buffers_of(heap, dict) == Buffers{{BufferKind::dict_values, block}});
    heap.store(keys, layout->dict_keys.refcnt, 1);
    CHECK(buffers_of(heap, dict) ==
          Buffers{{BufferKind::dict_values, block}, {BufferKind::dict_keys, keys}});
  }
}

TEST_CASE("a deque owns every block, an ordered dict every node") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address deque = heap.object(heap.type("collections.deque"), layout->deque.struct_size);
    const Address block = heap.allocate(layout->deque_block.struct_size);
    const Address spare = heap.allocate(layout->deque_block.struct_size);
    heap.store(deque, layout->deque.left_block, block.value);
    heap.store(deque, layout->deque.right_block, block.value);
    heap.store(deque, layout->deque.num_free_blocks, 1);
    Buffers expected{{BufferKind::deque_block, block}};
    if (layout->deque.free_blocks.present()) {
      heap.word(deque + layout->deque.free_blocks.offset, spare.value);
      expected.emplace(BufferKind::deque_block, spare);
    }
    CHECK(buffers_of(heap, deque) == expected);
    if (!layout->traits.ordered_dict_in_c) continue;
    const Address odict =
        heap.object(heap.type("collections.OrderedDict"), layout->odict.struct_size);
    heap.fill_dict(odict, {{heap.identifier("a"), heap.integer(1)}});
    const Address keys{heap.memory.read<std::uint64_t>(odict + layout->dict.keys.offset)};
    heap.store(odict, layout->odict.first, kLoose.value);
    heap.store(odict, layout->odict.fast_nodes, (kLoose + 64).value);
    CHECK(buffers_of(heap, odict) == Buffers{{BufferKind::dict_keys, keys},
                                             {BufferKind::odict_nodes, kLoose},
                                             {BufferKind::odict_nodes, kLoose + 64}});
  }
}

TEST_CASE("a class owns its cached keys and its C name, a static type nothing") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address node = heap.add_heap_type("Node", "app", {heap.flags().have_gc, 32});
    CHECK(buffers_of(heap, node).empty());
    heap.store(node, layout->heap_type.cached_keys, kLoose.value);
    heap.store(node, layout->heap_type.tpname, (kLoose + 64).value);
    Buffers expected;
    if (layout->heap_type.cached_keys.present()) {
      expected.emplace(BufferKind::dict_keys_shared, kLoose);
    }
    if (layout->heap_type.tpname.present()) {
      expected.emplace(BufferKind::type_name, kLoose + 64);
    }
    CHECK(buffers_of(heap, node) == expected);
    CHECK(buffers_of(heap, heap.type("list")).empty());
  }
}

TEST_CASE("an instance owns values that lie in a block of their own") {
  for (const auto* layout : gil_layouts()) {
    if (layout->traits.managed_dict == ManagedDict::kNone) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address node =
        heap.add_heap_type("Node", "app", {heap.flags().have_gc | heap.flags().managed_dict, 16});
    const Address instance = heap.object(node, 16);
    CHECK(buffers_of(heap, instance).empty());
    const Address values = kLoose + 0x100;
    heap.memory.write(values - 1, std::uint8_t{40});
    if (layout->traits.managed_dict == ManagedDict::kValuesAndDict) {
      heap.word(instance - 32, values.value);
    } else {
      heap.word(instance - 24, values.value - 1);
    }
    CHECK(buffers_of(heap, instance) == (layout->traits.managed_dict == ManagedDict::kDictOnly
                                             ? Buffers{}
                                             : Buffers{{BufferKind::dict_values, values - 40}}));
  }
}

TEST_CASE("a string owns its data, its UTF-8 and its wide characters") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address text = heap.str("abc");
    if (!layout->traits.unicode_compact) {
      const Address data{
          heap.memory.read<std::uint64_t>(text + layout->unicode_buffer.data.offset)};
      CHECK(buffers_of(heap, text) == Buffers{{BufferKind::str_data, data}});
      continue;
    }
    CHECK(buffers_of(heap, text).empty());
    const Address wide = heap.object(heap.type("str"), layout->str_legacy.struct_size);
    heap.store(wide, layout->str.length, 2);
    heap.str_state(wide, 2, false, false);
    heap.store(wide, layout->str_legacy.data, kLoose.value);
    heap.store(wide, layout->str_compact.utf8, (kLoose + 64).value);
    heap.store(wide, layout->str.wstr, (kLoose + 128).value);
    Buffers expected{{BufferKind::str_data, kLoose}, {BufferKind::str_utf8, kLoose + 64}};
    if (layout->traits.str_wstr) expected.emplace(BufferKind::str_wstr, kLoose + 128);
    CHECK(buffers_of(heap, wide) == expected);
  }
}

}  // namespace
