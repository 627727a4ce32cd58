// The interpreter's own lists of dead objects, in each form that versions keep them in.
#include "heapparse/python/freelists.h"

#include <set>

#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using layouts::FreelistForm;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;
using synthetic::layout_of;

using Entries = std::multiset<std::pair<std::string, Address>>;

Entries entries_of(HeapBuilder& heap) {
  const auto image = heap.image();
  const auto list = free_list_entries(image.space, heap.runtime());
  CHECK(std::is_sorted(list.begin(), list.end(),
                       [](const auto& a, const auto& b) { return a.address < b.address; }));
  Entries out;
  for (const FreeListEntry& e : list) out.emplace(std::string(e.list), e.address);
  return out;
}

// Dead blocks linked through the word at `link`; the first is the head.
std::vector<Address> chain(HeapBuilder& heap, std::size_t n, std::uint32_t link) {
  std::vector<Address> out;
  for (std::size_t i = 0; i < n; ++i) out.push_back(heap.allocate(32));
  for (std::size_t i = 0; i + 1 < n; ++i) heap.word(out[i] + link, out[i + 1].value);
  return out;
}

TEST_CASE("lists in static variables, which have no address to start from, are not walked") {
  for (const auto* layout : gil_layouts()) {
    if (layout->traits.freelist_form != FreelistForm::kStaticVariables) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    CHECK(entries_of(heap).empty());
  }
}

TEST_CASE(
    "floats of one state struct a type link through their type word, key tables lie in an array") {
  for (const auto* layout : gil_layouts()) {
    if (layout->traits.freelist_form != FreelistForm::kInterpreterStates) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    Entries expected;
    const auto floats = chain(heap, 3, layout->object.type.offset);
    heap.store(heap.interpreter + layout->interpreter.float_freelist.offset,
               layout->float_freelist.list, floats[0].value);
    for (const Address f : floats) expected.emplace("float", f);
    const Address state = heap.interpreter + layout->interpreter.dict_freelist.offset;
    for (int i = 0; i < 4; ++i) {
      const Address keys = heap.allocate(120);
      heap.word(state + layout->dict_freelist.keys_list.offset + 8 * i, keys.value);
      if (i < 3) expected.emplace("dict keys", keys);  // the fourth is beyond the count
    }
    heap.store(state, layout->dict_freelist.keys_count, 3);
    CHECK(entries_of(heap) == expected);
    // A count of garbage reads the array there is, and no more.
    heap.store(state, layout->dict_freelist.keys_count, ~0U);
    CHECK(entries_of(heap).size() >= 7);
    CHECK(entries_of(heap).size() <= 3 + 80);
  }
}

TEST_CASE("counted lists of one struct hold floats and key tables") {
  for (const auto* layout : gil_layouts()) {
    if (layout->traits.freelist_form != FreelistForm::kCountedLists) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    const Address lists = heap.interpreter + layout->interpreter.freelists.offset;
    Entries expected;
    const auto floats = chain(heap, 2, layout->object.type.offset);
    heap.word(lists + layout->freelists.floats.offset + 8, floats[0].value);
    for (const Address f : floats) expected.emplace("float", f);
    const Address keys = heap.allocate(120);
    heap.word(lists + layout->freelists.dict_keys.offset, keys.value);
    heap.memory.write(lists + layout->freelists.dict_keys.offset + 80 * 8, std::uint32_t{1});
    expected.emplace("dict keys", keys);
    CHECK(entries_of(heap) == expected);
  }
}

TEST_CASE("lists of head and size link through the first word, tuples by their length") {
  for (const auto* layout : gil_layouts()) {
    if (layout->traits.freelist_form != FreelistForm::kHeadSizePairs) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    heap.boot();
    const Address lists = heap.interpreter + layout->interpreter.freelists.offset;
    Entries expected;
    const auto list = [&](const char* name, std::uint64_t offset, std::size_t n) {
      const auto members = chain(heap, n, 0);
      heap.word(lists + offset, members[0].value);
      for (const Address m : members) expected.emplace(name, m);
    };
    const auto& f = layout->freelists;
    list("float", f.floats.offset, 4);
    list("int", f.ints.offset, 1);
    list("list", f.lists.offset, 2);
    list("dict", f.dicts.offset, 2);
    list("dict keys", f.dict_keys.offset, 3);
    list("method", f.methods.offset, 2);
    list("slice", f.slices.offset, 1);
    list("tuple", f.tuples.offset, 2);            // of length 1
    list("tuple", f.tuples.offset + 16 * 19, 1);  // of length 20
    if (f.complexes.present()) list("complex", f.complexes.offset, 1);
    if (f.bytes_writers.present()) list("bytes writer", f.bytes_writers.offset, 1);
    CHECK(entries_of(heap) == expected);
  }
}

TEST_CASE("a list that loops or leaves the image ends") {
  HeapBuilder heap(layout_of(3, 14));
  heap.boot();
  const auto& f = heap.layout.freelists;
  const Address lists = heap.interpreter + heap.layout.interpreter.freelists.offset;
  const auto loop = chain(heap, 2, 0);
  heap.word(loop[1], loop[0].value);
  heap.word(lists + f.floats.offset, loop[0].value);
  const auto astray = chain(heap, 2, 0);
  heap.word(astray[1], 0x1230);
  heap.word(lists + f.lists.offset, astray[0].value);
  const Entries entries = entries_of(heap);
  CHECK(entries.contains({"float", loop[0]}));
  CHECK(entries.contains({"float", loop[1]}));
  CHECK(entries.contains({"list", astray[1]}));
  CHECK_FALSE(entries.contains({"list", Address{0x1230}}));
  CHECK(entries.size() < 20000);
}

TEST_CASE("every interpreter's lists are walked") {
  HeapBuilder heap(layout_of(3, 14));
  heap.boot();
  auto runtime = heap.runtime();
  Interpreter second;
  second.address = heap.chunk(0x6000);
  runtime.interpreters.push_back(second);
  const auto& l = heap.layout;
  REQUIRE(l.interpreter.freelists.offset + l.freelists.struct_size < 0x6000);
  const auto first_list = chain(heap, 1, 0);
  const auto second_list = chain(heap, 1, 0);
  heap.word(heap.interpreter + l.interpreter.freelists.offset + l.freelists.floats.offset,
            first_list[0].value);
  heap.word(second.address + l.interpreter.freelists.offset + l.freelists.floats.offset,
            second_list[0].value);
  const auto image = heap.image();
  CHECK(free_list_entries(image.space, runtime).size() == 2);
}

}  // namespace
