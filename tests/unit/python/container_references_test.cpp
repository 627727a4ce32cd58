// What containers, iterators and numbers hold and take, in every version: items and keys by their
// names, which of them the interpreter's own traversal lists, and the sum of sys.getsizeof.
#include <string>
#include <tuple>

#include "heapparse/python/references.h"
#include "heapparse/python/shallow_size.h"
#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using layouts::DictForm;
using layouts::DictKeysKind;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;
using synthetic::kLoose;
using synthetic::Read;

struct Edge {
  std::string name;
  Address target;
  SkipCause skipped = SkipCause::none;
  bool counted = true;

  friend bool operator==(const Edge&, const Edge&) = default;
};
using Edges = std::vector<Edge>;

std::ostream& operator<<(std::ostream& out, const Edge& edge) {
  return out << edge.name << " -> " << std::hex << edge.target.value << " " << name_of(edge.skipped)
             << (edge.counted ? "" : ", borrowed");
}

// Types of containers have a traversal each; its address stands for nothing.
void add_traversals(HeapBuilder& heap) {
  std::uint64_t code = 0x3000;
  for (const char* name : {"list", "tuple", "dict", "set", "collections.deque"}) {
    heap.store(heap.type(name), heap.layout.type.traverse, code += 16);
  }
}
Address add_collected_type(HeapBuilder& heap, const std::string& name, std::uint64_t basicsize) {
  const Address type = heap.add_static_type(name, {heap.flags().have_gc, basicsize});
  heap.store(type, heap.layout.type.traverse, 0x4000);
  return type;
}

struct Decoded {
  Decoded(HeapBuilder& heap, Address object) : read(heap), runtime(heap.runtime()) {
    JobControl job;
    auto found = find_types(read.image, runtime, {heap.malloc_heap()}, {}, job);
    REQUIRE(found.has_value());
    types = std::move(*found);
    const auto index = types.find(*read.reader.type_of(object));
    REQUIRE(index.has_value());
    Decoder decoder(read.image.space, runtime, types);
    const Object decoded{object, &types[*index]};
    for_each_reference(decoder, decoded, [&](const Reference& r) {
      edges.push_back({edge_text(decoder, r.name), r.target, r.skipped, r.counted});
    });
    for_each_owned_buffer(decoder, decoded,
                          [&](const OwnedBuffer& b) { buffers.emplace_back(b.kind, b.start); });
    if (const auto size = shallow_size(decoder, decoded)) {
      // Without what lies in front of the object.
      bytes = size->bytes - types[*index].preheader;
    }
  }
  Read read;
  Runtime runtime;
  TypeTable types;
  Edges edges;
  std::vector<std::pair<BufferKind, Address>> buffers;
  std::optional<std::uint64_t> bytes;
};

TEST_CASE("items of lists and tuples are numbered, and a list takes what it has room for") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    add_traversals(heap);
    const Address a = heap.integer(1);
    const Address b = heap.integer(2);
    const Address list = heap.list({a, b});
    const Decoded decoded(heap, list);
    CHECK(decoded.edges == Edges{{"[0]", a}, {"[1]", b}});
    CHECK(decoded.bytes == layout->list.struct_size + 16);

    const Address tuple = heap.tuple({b, list});
    const Decoded of_tuple(heap, tuple);
    CHECK(of_tuple.edges == Edges{{"[0]", b}, {"[1]", list}});
    CHECK(of_tuple.bytes == layout->tuple.items.offset + 16);

    // list.sort() counts no room at all, and sys.getsizeof believes it.
    heap.store(list, layout->list.allocated, ~0ULL);
    const Decoded sorting(heap, list);
    CHECK(sorting.edges.empty());
    CHECK(sorting.bytes == layout->list.struct_size - 8);
  }
}

TEST_CASE("a struct sequence holds the fields behind its length too") {
  for (const auto* layout : gil_layouts()) {
    if (!layout->traits.unicode_compact) continue;  // no tuple there
    for (const bool own_traversal : {false, true}) {
      INFO(layout->name << own_traversal);
      HeapBuilder heap(*layout);
      const auto& f = layout->member_def;
      const Address type =
          heap.add_static_type("os.sequence", {heap.flags().have_gc | heap.flags().tuple_subclass,
                                               layout->tuple.items.offset, 8, heap.type("tuple")});
      heap.store(heap.type("tuple"), layout->type.traverse, 0x1000);
      heap.store(type, layout->type.traverse, own_traversal ? 0x2000 : 0x1000);
      const Address members = heap.static_memory(std::uint64_t{f.struct_size} * 4);
      const char* names[] = {"first", "second", "third"};
      for (std::uint64_t i = 0; i < 3; ++i) {
        const Address member = members + i * f.struct_size;
        heap.store(member, f.name, heap.c_string(names[i]).value);
        heap.store(member, f.offset, layout->struct_sequence.items.offset + 8 * i);
      }
      heap.store(type, layout->type.members, members.value);
      const Address a = heap.integer(1);
      const Address c = heap.integer(3);
      const Address sequence = heap.tuple({a, {}, c});
      heap.store(sequence, layout->object.type, type.value);
      heap.store(sequence, layout->tuple.size, 1);
      CHECK(Decoded(heap, sequence).edges ==
            Edges{{"[0]", a},
                  {".third", c, own_traversal ? SkipCause::none : SkipCause::not_traversed}});
    }
  }
}

TEST_CASE("keys are listed where they may be other things than str") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    add_traversals(heap);
    const DictForm form = layout->traits.dict_form;
    const Address key = heap.identifier("key");
    const Address value = heap.list({});
    const Address dict = heap.dict({{key, value}});
    const Address keys{form == DictForm::kEmbeddedTable
                           ? 0
                           : heap.memory.read<std::uint64_t>(dict + layout->dict.keys.offset)};
    // Before kinds were stored, the table of the subclasses of `object` has the general lookup.
    const Address number = heap.integer(5);
    const Address subclasses = heap.dict({{number, value}});
    if (form == DictForm::kKeysObjectSized) {
      const Address their{heap.memory.read<std::uint64_t>(subclasses + layout->dict.keys.offset)};
      heap.store(heap.object_type, layout->type.subclasses, subclasses.value);
      heap.store(their, layout->dict_keys.lookup, 0x1000);
      heap.store(keys, layout->dict_keys.lookup, 0x2000);
    }
    const SkipCause cause =
        form == DictForm::kEmbeddedTable ? SkipCause::none : SkipCause::str_keys;
    CHECK(Decoded(heap, dict).edges == Edges{{"<key 0>", key, cause}, {"['key']", value}});

    if (form == DictForm::kKeysObjectSized) heap.store(keys, layout->dict_keys.lookup, 0x1000);
    if (form == DictForm::kKeysObjectLog2) {
      heap.store(dict, layout->dict.keys,
                 heap.keys_object({{key, value}}, DictKeysKind::kGeneral).value);
    }
    CHECK(Decoded(heap, dict).edges == Edges{{"<key 0>", key}, {"['key']", value}});
  }
}

TEST_CASE("a dict takes its table when nobody shares it") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    add_traversals(heap);
    const Address value = heap.integer(1);
    HeapBuilder::Items items;
    for (int i = 0; i < 9; ++i) items.emplace_back(heap.identifier("k" + std::to_string(i)), value);
    const Address dict = heap.dict(items);
    const std::uint64_t own = layout->dict.struct_size;
    switch (layout->traits.dict_form) {
      case DictForm::kEmbeddedTable:
        CHECK(Decoded(heap, dict).bytes == own + 16 * 24);
        CHECK(Decoded(heap, heap.dict({})).bytes == own);
        break;
      case DictForm::kKeysObjectSized:
        CHECK(Decoded(heap, dict).bytes == own + layout->dict_keys.indices.offset + 16 + 10 * 24);
        break;
      case DictForm::kKeysObjectLog2:
        CHECK(Decoded(heap, dict).bytes == own + layout->dict_keys.indices.offset + 16 + 10 * 16);
        break;
    }
  }
}

TEST_CASE("a split dict owns its values, its keys when it alone has them, and no lent ones") {
  for (const auto* layout : gil_layouts()) {
    if (!layout->traits.dict_keys_shared) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    add_traversals(heap);
    const auto& f = layout->dict;
    const bool log2 = layout->traits.dict_form == DictForm::kKeysObjectLog2;
    const Address key = heap.identifier("key");
    const Address value = heap.list({});
    const Address keys = heap.keys_object({{key, {}}}, DictKeysKind::kSplit);
    heap.store(keys, layout->dict_keys.lookup, 0x2000);
    const std::uint64_t head = layout->traits.dict_values_have_header ? 8 : 0;
    const Address values = heap.allocate(64) + 16;
    heap.store(values - 1, {0, 1}, 16);  // how far in front the block starts, where that is kept
    heap.word(values + head, value.value);
    const Address dict = heap.object(heap.type("dict"), f.struct_size);
    heap.store(dict, f.used, 1);
    heap.store(dict, f.keys, keys.value);
    heap.store(dict, f.values, values.value);
    {
      const Decoded alone(heap, dict);
      CHECK(alone.edges == Edges{{"<key 0>", key, SkipCause::str_keys}, {"['key']", value}});
    }
    heap.store(keys, layout->dict_keys.refcnt, 2);
    {
      const Decoded shared(heap, dict);
      Edges expected{{"['key']", value}};
      if (!log2) expected.insert(expected.begin(), {"<key 0>", key, SkipCause::shared_keys, false});
      CHECK(shared.edges == expected);
      CHECK(shared.bytes == f.struct_size + 8 * 5);
      REQUIRE(shared.buffers.size() == 1);
      CHECK(shared.buffers[0].first == BufferKind::dict_values);
    }
    if (!layout->dict_values.embedded.present()) continue;
    heap.store(values, layout->dict_values.embedded, 1);
    const Decoded lent(heap, dict);
    Edges listed;
    if (layout->traits.dict_traverses_inline_values) listed = {{"['key']", value}};
    CHECK(lent.edges == listed);
    CHECK(lent.buffers.empty());
  }
}

TEST_CASE("members of a set are met without what fills the places of deleted ones") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    add_traversals(heap);
    const auto& f = layout->set;
    const bool oldest = !layout->traits.set_entry_key_first;
    const Address set = heap.object(heap.type("set"), f.struct_size);
    const Address member = heap.integer(1);
    const Address filler = heap.bytes("<dummy key>");
    heap.store(filler, layout->bytes.hash, 77);
    heap.store(set, f.mask, 7);
    heap.store(set, f.fill, 2);
    heap.store(set, f.used, 1);
    heap.store(set, f.table, (set + f.small_table.offset).value);
    const auto entry = [&](std::uint64_t i, Address key, std::uint64_t hash) {
      const Address at = set + f.small_table.offset + i * layout->set_entry.struct_size;
      heap.store(at, layout->set_entry.key, key.value);
      heap.store(at, layout->set_entry.hash, hash);
    };
    entry(1, member, 1);
    entry(4, filler, oldest ? 4 : ~0ULL);
    Edges expected{{"<member>", member}};
    if (oldest) expected.push_back({"<member>", filler, SkipCause::not_traversed});
    CHECK(Decoded(heap, set).edges == expected);
    CHECK(Decoded(heap, set).bytes == f.struct_size);
    // A str that looks like the filler is a member when the hash is its own.
    heap.store(set, f.used, 2);
    entry(4, filler, 77);
    CHECK(Decoded(heap, set).edges == Edges{{"<member>", member}, {"<member>", filler}});
    heap.store(set, f.fill, 3);
    CHECK(Decoded(heap, set).edges == Edges{{"<member>", member}, {"<member>", filler}});
    heap.store(set, f.table, kLoose.value);
    CHECK(Decoded(heap, set).bytes == f.struct_size + 8 * 16);
  }
}

TEST_CASE("a deque's items are numbered over its blocks") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    add_traversals(heap);
    const auto& f = layout->deque;
    const std::uint64_t room = layout->deque_block.data.size / 8u;
    const Address deque = heap.object(heap.type("collections.deque"), f.struct_size);
    const Address left = heap.allocate(layout->deque_block.struct_size);
    const Address right = heap.allocate(layout->deque_block.struct_size);
    const Address a = heap.integer(1);
    const Address b = heap.integer(2);
    heap.store(left, layout->deque_block.right_link, right.value);
    heap.word(left + layout->deque_block.data.offset + 8 * (room - 1), a.value);
    heap.word(right + layout->deque_block.data.offset, b.value);
    heap.store(deque, f.left_block, left.value);
    heap.store(deque, f.right_block, right.value);
    heap.store(deque, f.left_index, room - 1);
    heap.store(deque, f.size, 2);
    const Decoded decoded(heap, deque);
    CHECK(decoded.edges == Edges{{"[0]", a}, {"[1]", b}});
    CHECK(decoded.bytes == f.struct_size + 2 * layout->deque_block.struct_size);
  }
}

TEST_CASE("a bounded cache shows what its elements hold, or the elements where it owns them") {
  for (const auto* layout : gil_layouts()) {
    if (!layout->lru_cache.present()) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    add_traversals(heap);
    const auto& f = layout->lru_cache;
    const Address type = add_collected_type(heap, "functools._lru_cache_wrapper", f.struct_size);
    const Address link_type =
        heap.add_static_type("functools._lru_list_elem", {0, layout->lru_elem.struct_size});
    const Address cache = heap.object(type, f.struct_size);
    const Address link = heap.object(link_type, layout->lru_elem.struct_size);
    const Address key = heap.integer(1);
    const Address result = heap.list({});
    heap.store(cache, f.root_next, link.value);
    heap.store(link, layout->lru_elem.next, (cache + f.root.offset).value);
    heap.store(link, layout->lru_elem.key, key.value);
    heap.store(link, layout->lru_elem.result, result.value);
    const auto none = SkipCause::none;
    Edges expected{{"[0]", link}};
    if (!layout->traits.lru_links_owned) {
      expected = {{"[0]", link, SkipCause::not_traversed},
                  {"<key 0>", key, none, false},
                  {"[0]", result, none, false}};
      if (f.elem_type.present()) expected.push_back({".__class__", link_type, none, false});
    }
    CHECK(Decoded(heap, cache).edges == expected);
    // A ring that never comes back ends.
    heap.store(link, layout->lru_elem.next, link.value);
    CHECK(Decoded(heap, cache).edges.size() <= 4 * expected.size());
  }
}

TEST_CASE("combinatorial iterators own their tables of numbers, and count them where they do") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    add_traversals(heap);
    const auto& f = layout->permutations;
    const bool counted = layout->traits.sizeof_itertools_counts_arrays;
    const Address type = add_collected_type(heap, "itertools.permutations", f.struct_size);
    const Address one = heap.object(type, f.struct_size);
    const Address pool = heap.tuple({heap.integer(1), heap.integer(2), heap.integer(3)});
    heap.store(one, f.pool, pool.value);
    heap.store(one, f.r, 2);
    heap.store(one, f.indices, kLoose.value);
    heap.store(one, f.cycles, (kLoose + 64).value);
    const Decoded decoded(heap, one);
    CHECK(decoded.edges == Edges{{".pool", pool}});
    CHECK(decoded.bytes == f.struct_size + (counted ? 5 * 8 : 0));
    CHECK(decoded.buffers.size() == 2);
    heap.store(one, f.r, 1ULL << 41);
    CHECK(Decoded(heap, one).bytes.has_value() == !counted);
  }
}

TEST_CASE("digits of a Decimal are its own when they were allocated") {
  for (const auto* layout : gil_layouts()) {
    if (!layout->decimal.present()) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    add_traversals(heap);
    const auto& f = layout->decimal;
    const Address type = heap.add_static_type("decimal.Decimal", {0, f.struct_size});
    const Address number = heap.object(type, f.struct_size);
    heap.store(number, f.alloc, 4);
    heap.store(number, f.data, (number + f.inline_data.offset).value);
    heap.store(number, f.flags, 0x31);
    CHECK(Decoded(heap, number).bytes == f.struct_size);
    CHECK(Decoded(heap, number).buffers.empty());
    heap.store(number, f.flags, 0x11);
    heap.store(number, f.alloc, 40);
    heap.store(number, f.data, kLoose.value);
    CHECK(Decoded(heap, number).bytes == f.struct_size + 320);
    CHECK(Decoded(heap, number).buffers.size() == 1);
  }
}

TEST_CASE("a naive time ends before its zone, whatever lies there") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    add_traversals(heap);
    const auto& f = layout->date_time;
    const Address type = heap.add_static_type("datetime.datetime", {0, f.struct_size});
    const Address zone = heap.integer(1);
    const Address when = heap.object(type, f.struct_size);
    heap.store(when, f.tzinfo, zone.value);
    CHECK(Decoded(heap, when).edges.empty());
    heap.store(when, f.has_tzinfo, 1);
    CHECK(Decoded(heap, when).edges == Edges{{".tzinfo", zone, SkipCause::uncollected}});
  }
}

}  // namespace
