// What the standard library's C types hold, take and own, in states that are rare in real heaps.
#include <map>
#include <set>

#include "heapparse/python/owned_buffers.h"
#include "heapparse/python/references.h"
#include "heapparse/python/shallow_size.h"
#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;
using synthetic::kLoose;
using synthetic::Read;

struct Known {
  std::multiset<Address> held;
  std::set<Address> not_traversed;  // of them: those that the collector passes over
  std::set<Address> owned;
  std::optional<std::uint64_t> bytes;  // without what lies in front of the object
};

Known known(HeapBuilder& heap, Address object) {
  Read r(heap);
  JobControl job;
  const Runtime runtime = heap.runtime();
  const auto table = find_types(r.image, runtime, {heap.malloc_heap()}, {}, job);
  REQUIRE(table.has_value());
  const auto type = table->find(*r.reader.type_of(object));
  REQUIRE(type.has_value());
  Decoder decoder(r.image.space, runtime, *table);
  const Object o{object, &(*table)[*type]};
  Known out;
  for_each_reference(decoder, o, [&](const Reference& one) {
    out.held.insert(one.target);
    if (one.skipped == SkipCause::not_traversed) out.not_traversed.insert(one.target);
  });
  for_each_owned_buffer(decoder, o, [&](const OwnedBuffer& b) { out.owned.insert(b.start); });
  if (const auto size = shallow_size(decoder, o)) out.bytes = size->bytes - o.type->preheader;
  return out;
}

TEST_CASE("an element holds tagged text, attributes and children, wherever they lie") {
  for (const auto* layout : gil_layouts()) {
    const auto& f = layout->element;
    const auto& extra = layout->element_extra;
    if (!f.present()) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const bool old = layout->unicode_buffer.present();
    const Address type = heap.add_static_type(old ? "Element" : "xml.etree.ElementTree.Element",
                                              {.basicsize = f.struct_size});
    const Address element = heap.object(type, f.struct_size);
    const Address tag = heap.integer(1), parts = heap.list({}), child = heap.tuple({});
    heap.store(element, f.tag, tag.value);
    heap.store(element, f.text, parts.value | 1);  // parts that nobody joined yet
    CHECK(known(heap, element).held == std::multiset<Address>{tag, parts});
    CHECK(known(heap, element).bytes == f.struct_size);

    heap.store(element, f.extra, kLoose.value);
    const Address inside = kLoose + extra.inline_children.offset;
    heap.store(kLoose, extra.length, 1);
    heap.store(kLoose, extra.allocated, 4);
    heap.store(kLoose, extra.children, inside.value);
    heap.word(inside, child.value);
    CHECK(known(heap, element).held == std::multiset<Address>{tag, parts, child});
    CHECK(known(heap, element).owned == std::set<Address>{kLoose});

    const Address apart = kLoose + 0x200;
    heap.store(kLoose, extra.allocated, 10);
    heap.store(kLoose, extra.children, apart.value);
    heap.word(apart, child.value);
    CHECK(known(heap, element).held == std::multiset<Address>{tag, parts, child});
    CHECK(known(heap, element).owned == std::set<Address>{kLoose, apart});
    CHECK(known(heap, element).bytes ==
          f.struct_size + (old ? 0 : std::uint64_t{extra.struct_size} + 80));
    heap.store(kLoose, extra.length, 11);  // more than there is room for: damaged
    CHECK(known(heap, element).held == std::multiset<Address>{tag, parts});
  }
}

TEST_CASE("a queue's ring is read across its end") {
  for (const auto* layout : gil_layouts()) {
    const auto& f = layout->simple_queue;
    if (!f.ring_items.present()) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address type = heap.add_static_type("_queue.SimpleQueue", {.basicsize = f.struct_size});
    const Address queue = heap.object(type, f.struct_size);
    const Address first = heap.list({}), second = heap.tuple({}), gone = heap.integer(7);
    heap.store(queue, f.ring_items, kLoose.value);
    heap.store(queue, f.ring_capacity, 4);
    heap.store(queue, f.ring_get, 3);
    heap.store(queue, f.ring_put, 1);
    heap.store(queue, f.ring_count, 2);
    heap.word(kLoose + 24, first.value);
    heap.word(kLoose, second.value);
    heap.word(kLoose + 8, gone.value);  // taken out: whatever it says is not held
    CHECK(known(heap, queue).held == std::multiset<Address>{first, second});
    CHECK(known(heap, queue).owned == std::set<Address>{kLoose});
    CHECK(known(heap, queue).bytes ==
          f.struct_size + (layout->traits.sizeof_simple_queue_counts_ring ? 32u : 0u));
  }
}

// A walk that believes these counts takes hours.
TEST_CASE("a damaged count costs no more than what the image holds") {
  constexpr std::uint64_t kWrong = std::uint64_t{1} << 44;
  const Address last = kLoose + synthetic::kLooseBytes - 8;  // nothing is mapped behind it
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address item = heap.tuple({});
    heap.word(last, item.value);
    if (const auto& f = layout->simple_queue; f.ring_items.present()) {
      const Address type = heap.add_static_type("_queue.SimpleQueue", {.basicsize = f.struct_size});
      const Address queue = heap.object(type, f.struct_size);
      heap.store(queue, f.ring_items, last.value);
      heap.store(queue, f.ring_capacity, kWrong);
      heap.store(queue, f.ring_count, kWrong);
      CHECK(known(heap, queue).held == std::multiset<Address>{item});
    }
    if (const auto& f = layout->element_iterator; f.present()) {
      const Address type =
          heap.add_static_type("_elementtree._element_iterator", {.basicsize = f.struct_size});
      const Address iterator = heap.object(type, f.struct_size);
      const std::uint32_t place = layout->element_parent.parent.offset;
      heap.store(iterator, f.parent_stack, last.value - place);
      heap.store(iterator, f.parent_stack_used, kWrong);
      CHECK(known(heap, iterator).held == std::multiset<Address>{item});
    }
    if (const auto& f = layout->sre_template; f.present()) {
      const Address type = heap.add_static_type("_sre.SRE_Template", {.basicsize = f.struct_size});
      const Address pattern = heap.object(type, f.struct_size);
      heap.store(pattern, f.size, kWrong);
      known(heap, pattern);
    }
  }
}

TEST_CASE("a zstd dictionary holds its compressors, whether its traversal visits them or not") {
  std::set<bool> seen;
  for (const auto* layout : gil_layouts()) {
    const auto& f = layout->zstd_dict;
    if (!f.present()) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address type =
        heap.add_static_type("compression.zstd.ZstdDict", {.basicsize = f.struct_size});
    const Address dict = heap.object(type, f.struct_size);
    const Address compressors = heap.dict({});
    heap.store(dict, f.compressors, compressors.value);
    const Known found = known(heap, dict);
    CHECK(found.held == std::multiset<Address>{compressors});
    CHECK(found.not_traversed.contains(compressors) == layout->traits.zstd_traverses_class);
    seen.insert(layout->traits.zstd_traverses_class);
  }
  CHECK(seen == std::set<bool>{false, true});
}

TEST_CASE("the numbers of the common error handlers are no references of a codec") {
  for (const auto* layout : gil_layouts()) {
    const auto& f = layout->codec_decoder;
    if (!f.present()) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address type = heap.add_static_type("_multibytecodec.MultibyteIncrementalDecoder",
                                              {.basicsize = f.struct_size});
    const Address codec = heap.object(type, f.struct_size);
    for (std::uint64_t handler = 0; handler <= 3; ++handler) {
      heap.store(codec, f.errors, handler);
      CHECK(known(heap, codec).held.empty());
    }
    const Address name = heap.integer(5);
    heap.store(codec, f.errors, name.value);
    CHECK(known(heap, codec).held == std::multiset<Address>{name});
  }
}

TEST_CASE("a ctypes object owns its data only where it lies apart and is to be freed") {
  for (const auto* layout : gil_layouts()) {
    const auto& f = layout->cdata;
    if (!f.present()) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address type = heap.add_static_type("_ctypes._CData", {.basicsize = f.struct_size});
    const Address data = heap.object(type, f.struct_size);
    heap.store(data, f.ptr, (data + f.value.offset).value);
    heap.store(data, f.needs_free, 1);
    CHECK(known(heap, data).owned.empty());
    heap.store(data, f.ptr, kLoose.value);
    CHECK(known(heap, data).owned == std::set<Address>{kLoose});
    heap.store(data, f.needs_free, 0);
    CHECK(known(heap, data).owned.empty());
  }
}

}  // namespace
