// dict in each form of its table, and what is refused as one.
#include "heapparse/python/types/dict.h"

#include "heapparse/python/types/str.h"
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
using synthetic::layout_of;
using synthetic::Read;

using Pairs = std::vector<std::pair<Address, Address>>;

Pairs items_of(ObjectReader& reader, Address dict) {
  Pairs out;
  if (const auto view = view_dict(reader, dict)) {
    for_each_item(reader, *view, [&](Address key, Address value) {
      out.emplace_back(key, value);
      return true;
    });
  }
  return out;
}

Pairs some_items(HeapBuilder& heap, std::size_t n) {
  Pairs items;
  for (std::size_t i = 0; i < n; ++i) {
    const Address key = heap.identifier("key" + std::to_string(i));
    items.emplace_back(key, heap.integer(static_cast<std::int64_t>(i)));
  }
  return items;
}

TEST_CASE("every item of a dict is met once, in every version and at every size") {
  for (const auto* layout : gil_layouts()) {
    for (const std::size_t n : {0U, 1U, 5U, 6U, 20U, 200U}) {
      INFO(layout->name << ", " << n << " items");
      HeapBuilder heap(*layout);
      Pairs items = some_items(heap, n);
      const Address dict = heap.dict(items);
      Read r(heap);
      Pairs met = items_of(r.reader, dict);
      if (layout->traits.dict_form == DictForm::kEmbeddedTable) {
        std::sort(items.begin(), items.end());  // table order
        std::sort(met.begin(), met.end());
      }
      CHECK(met == items);
      const auto view = view_dict(r.reader, dict);
      REQUIRE(view.has_value());
      CHECK(view->used == n);
      CHECK_FALSE(view->values);
      for (const auto& [key, value] : items) {
        CHECK(dict_lookup(r.reader, dict, *name_text(r.reader, key, 99)) == value);
      }
      CHECK_FALSE(dict_lookup(r.reader, dict, "key").has_value());
      CHECK_FALSE(dict_lookup(r.reader, dict, "key0x").has_value());
    }
  }
}

TEST_CASE("iteration stops when it is told to") {
  HeapBuilder heap(layout_of(3, 12));
  const Address dict = heap.dict(some_items(heap, 5));
  Read r(heap);
  int met = 0;
  for_each_item(r.reader, *view_dict(r.reader, dict), [&](Address, Address) { return ++met < 2; });
  CHECK(met == 2);
}

TEST_CASE("the table's bytes are those of the allocation that holds it") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address small = heap.dict(some_items(heap, 3));
    const Address large = heap.dict(some_items(heap, 30));
    Read r(heap);
    const auto s = view_dict(r.reader, small);
    const auto l = view_dict(r.reader, large);
    REQUIRE((s && l));
    if (layout->traits.dict_form == DictForm::kEmbeddedTable) {
      CHECK_FALSE(s->own_table);
      CHECK(l->own_table == l->keys.entries);
      CHECK(l->keys.table_bytes == l->keys.capacity * 24);
    } else {
      // As CPython computes it: head, one index byte a slot, entries for two thirds of them.
      const std::uint64_t head = layout->dict_keys.indices.offset;
      const std::uint64_t entry = layout->traits.dict_form == DictForm::kKeysObjectSized ? 24 : 16;
      CHECK(s->keys.table_bytes == head + 8 + 5 * entry);
      CHECK(l->keys.table_bytes == head + 64 + 42 * entry);
      CHECK_FALSE(s->own_table);
    }
  }
}

TEST_CASE("keys that are not all str take entries with a hash") {
  for (const auto* layout : gil_layouts()) {
    if (layout->traits.dict_form != DictForm::kKeysObjectLog2) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Pairs items = some_items(heap, 4);
    const Address dict = heap.dict({});
    heap.store(dict, layout->dict.keys, heap.keys_object(items, DictKeysKind::kGeneral).value);
    heap.store(dict, layout->dict.used, 4);
    Read r(heap);
    CHECK(items_of(r.reader, dict) == items);
    CHECK(view_dict(r.reader, dict)->keys.entry_bytes == 24);
    CHECK_FALSE(view_dict(r.reader, dict)->keys.split);
  }
}

TEST_CASE("deleted entries are passed over") {
  for (const auto* layout : gil_layouts()) {
    if (layout->traits.dict_form == DictForm::kEmbeddedTable) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    Pairs items = some_items(heap, 4);
    Pairs holed = items;
    holed[1] = {Address{}, Address{}};
    holed[2].second = Address{};  // 3.6 kept the key of a dummy entry
    const Address dict = heap.dict(holed);
    heap.store(dict, layout->dict.used, 2);
    Read r(heap);
    CHECK(items_of(r.reader, dict) == Pairs{items[0], items[3]});
  }
}

TEST_CASE(
    "a split dict's values lie in an array of their own, behind a header where there is one") {
  for (const auto* layout : gil_layouts()) {
    if (!layout->traits.dict_keys_shared) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    Pairs items = some_items(heap, 3);
    Pairs no_values = items;
    for (auto& [key, value] : no_values) value = Address{};
    const Address keys = heap.keys_object(no_values, DictKeysKind::kSplit);
    heap.store(keys, layout->dict_keys.refcnt, 7);
    const std::uint64_t header =
        layout->traits.dict_values_have_header ? layout->dict_values.values.offset : 0;
    for (std::size_t i = 0; i < items.size(); ++i) {
      heap.word(kLoose + header + 8 * i, items[i].second.value);
    }
    heap.word(kLoose + header + 8, 0);  // an attribute that is not set
    const Address dict = heap.dict({});
    heap.store(dict, layout->dict.keys, keys.value);
    heap.store(dict, layout->dict.values, kLoose.value);
    heap.store(dict, layout->dict.used, 2);
    Read r(heap);
    const auto view = view_dict(r.reader, dict);
    REQUIRE(view.has_value());
    CHECK(view->values == kLoose + header);
    CHECK(view->values_object == kLoose);
    CHECK(view->keys.refcount == 7);
    CHECK(view->keys.split == (layout->traits.dict_form == DictForm::kKeysObjectLog2));
    CHECK(items_of(r.reader, dict) == Pairs{items[0], items[2]});
  }
}

TEST_CASE("the static empty table has no room and no entries") {
  for (const auto* layout : gil_layouts()) {
    if (layout->traits.dict_form == DictForm::kEmbeddedTable) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    // Py_EMPTY_KEYS: one slot (log2 0, though its indices take 8 bytes), immortal or counted.
    const Address keys = heap.static_memory(64);
    heap.store(keys, layout->dict_keys.refcnt, 1);
    heap.store(keys, layout->dict_keys.size, 1);
    heap.store(keys, layout->dict_keys.log2_index_bytes, 3);
    heap.store(keys, layout->dict_keys.kind, 1);
    const Address dict = heap.dict({});
    heap.store(dict, layout->dict.keys, keys.value);
    Read r(heap);
    const auto view = view_dict(r.reader, dict);
    REQUIRE(view.has_value());
    CHECK(view->keys.capacity == 0);
    CHECK(items_of(r.reader, dict).empty());
  }
}

TEST_CASE("sizes that no table can have are refused") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address dict = heap.dict(some_items(heap, 3));
    const auto refused = [&] { return !view_dict(Read(heap).reader, dict).has_value(); };
    CHECK_FALSE(refused());
    const auto& f = layout->dict_keys;
    if (layout->traits.dict_form == DictForm::kEmbeddedTable) {
      for (const std::uint64_t mask : {6ULL, 1ULL << 40, ~0ULL, 1ULL}) {
        heap.store(dict, layout->dict.mask, mask);
        CHECK(refused());
      }
      heap.store(dict, layout->dict.mask, 7);
      heap.store(dict, layout->dict.fill, 9);
      CHECK(refused());
      heap.store(dict, layout->dict.fill, 2);  // less than used
      CHECK(refused());
      heap.store(dict, layout->dict.fill, 3);
      heap.store(dict, layout->dict.table, 0);
      CHECK(refused());
      continue;
    }
    const Address keys{heap.memory.read<std::uint64_t>(dict + layout->dict.keys.offset)};
    const auto with = [&](const layouts::Field& field, std::uint64_t value) {
      if (!field.present()) return true;
      HeapBuilder copy = heap;
      copy.store(keys, field, value);
      return !view_dict(Read(copy).reader, dict).has_value();
    };
    for (const std::uint64_t size : {0ULL, 7ULL, 1ULL << 40, ~0ULL, 2ULL}) {
      CHECK(with(f.size, size));
    }
    for (const std::uint64_t log2 : {40ULL, 63ULL, 64ULL, 255ULL, 1ULL}) {
      CHECK(with(f.log2_size, log2));
    }
    for (const std::uint64_t log2 : {0ULL, 2ULL, 44ULL, 200ULL}) {
      CHECK(with(f.log2_index_bytes, log2));
    }
    CHECK(with(f.kind, 3));
    CHECK(with(f.nentries, 6));
    CHECK(with(f.nentries, ~0ULL));
    CHECK(with(f.usable, 3));
    CHECK(with(f.usable, ~0ULL));
    heap.store(dict, layout->dict.used, 6);
    CHECK(refused());
    heap.store(dict, layout->dict.used, 3);
    heap.store(dict, layout->dict.keys, 0);
    CHECK(refused());
    heap.store(dict, layout->dict.keys, 0x1000);
    CHECK(refused());
  }
}

TEST_CASE("a table that leads out of the image ends quietly") {
  HeapBuilder heap(layout_of(3, 9));
  // The keys object's head is the last thing in its memory.
  const Address keys = kLoose + synthetic::kLooseBytes - 48;
  heap.store(keys, heap.layout.dict_keys.refcnt, 1);
  heap.store(keys, heap.layout.dict_keys.size, 1024);
  heap.store(keys, heap.layout.dict_keys.nentries, 600);
  const Address dict = heap.dict({});
  heap.store(dict, heap.layout.dict.keys, keys.value);
  heap.store(dict, heap.layout.dict.used, 600);
  Read r(heap);
  CHECK(view_dict(r.reader, dict).has_value());
  CHECK(items_of(r.reader, dict).empty());
}

TEST_CASE("a table of damaged size costs no more than the memory that is there") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address dict = heap.dict({});
    if (layout->traits.dict_form == DictForm::kEmbeddedTable) {
      heap.store(dict, layout->dict.mask, (1ULL << 39) - 1);
      heap.store(dict, layout->dict.table, kLoose.value);
    } else {
      heap.store(kLoose, layout->dict_keys.refcnt, 1);
      heap.store(kLoose, layout->dict_keys.size, 1ULL << 39);
      heap.store(kLoose, layout->dict_keys.log2_size, 39);
      heap.store(kLoose, layout->dict_keys.log2_index_bytes, 41);
      heap.store(kLoose, layout->dict_keys.nentries, 1ULL << 38);
      heap.store(dict, layout->dict.keys, kLoose.value);
    }
    Read r(heap);
    REQUIRE(view_dict(r.reader, dict).has_value());  // in theory; nobody has so much memory
    CHECK(items_of(r.reader, dict).size() < 1000000);
    CHECK_FALSE(dict_lookup(r.reader, dict, "hexversion").has_value());
  }
}

TEST_CASE("entries beyond a hole in the image are met") {
  HeapBuilder heap(layout_of(3, 9));
  const Pairs items = some_items(heap, 600);
  const Address dict = heap.dict(items);
  const Address keys{heap.memory.read<std::uint64_t>(dict + heap.layout.dict.keys.offset)};
  const Address lost = (keys + 4096).aligned_up(4096);
  heap.memory.lose({lost, lost + 4096});
  Read r(heap);
  const Pairs met = items_of(r.reader, dict);
  CHECK(met.size() >= items.size() - 4096 / 24 - 2);
  CHECK(met.size() < items.size());
  CHECK(met.front() == items.front());
  CHECK(met.back() == items.back());
}

}  // namespace
