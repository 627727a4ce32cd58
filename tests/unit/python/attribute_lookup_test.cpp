// One attribute by name says what the walk over all of them says, in every form of storage; and
// lengths, items and plain values.
#include "heapparse/python/attribute_lookup.h"

#include "heapparse/python/attributes.h"
#include "heapparse/python/items.h"
#include "heapparse/python/plain_value.h"
#include "heapparse/python/references.h"
#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using layouts::DictKeysKind;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;
using synthetic::kLoose;
using synthetic::Read;

constexpr std::uint64_t kDealloc = 0x1000;

struct Decoded {
  explicit Decoded(HeapBuilder& heap) : read(heap), runtime(heap.runtime()) {
    JobControl job;
    auto found = find_types(read.image, runtime, {heap.malloc_heap()}, {}, job);
    REQUIRE(found.has_value());
    types = std::move(*found);
    decoder.emplace(read.image.space, runtime, types);
  }
  Object object(Address a) {
    const auto known = decoder->object(a);
    REQUIRE(known.has_value());
    return *known;
  }
  std::optional<Address> find(Address a, const std::string& name) {
    AttributeLookup lookup(name);
    return lookup.find(*decoder, object(a));
  }
  // Every attribute that the walk finds is found by its name, too.
  void check_all(Address a) {
    for_each_attribute(*decoder, object(a), [&](const Attribute& attribute) {
      const std::string name = edge_text(*decoder, attribute.name).substr(1);
      INFO(name);
      CHECK(find(a, name) == attribute.value);
    });
  }
  Read read;
  Runtime runtime;
  TypeTable types;
  std::optional<Decoder> decoder;
};

Address add_class(HeapBuilder& heap, const std::string& name, synthetic::TypeSpec spec) {
  for (int i = 0; i < 3; ++i) {
    const Address other = heap.add_heap_type("Other" + std::to_string(i) + name, "m", {});
    heap.store(other, heap.layout.type.dealloc, kDealloc);
  }
  spec.flags |= heap.flags().have_gc;
  const Address at = heap.add_heap_type(name, "m", spec);
  heap.store(at, heap.layout.type.dealloc, kDealloc);
  heap.store(at, heap.layout.type.traverse, 0x1100);
  return at;
}

TEST_CASE("a slot is found by its name, an empty one is not") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const std::uint64_t head = layout->object.struct_size;
    const auto& f = layout->member_def;
    const Address type = add_class(heap, "Slotted", {0, head + 16});
    heap.chunk(3 * f.struct_size);
    heap.store(type, layout->var_object.size, 2);
    const char* names[] = {"one", "two"};
    for (std::uint64_t i = 0; i < 2; ++i) {
      const Address member = type + layout->heap_type.struct_size + i * f.struct_size;
      heap.store(member, f.name, heap.c_string(names[i]).value);
      heap.store(member, f.type, 16);
      heap.store(member, f.offset, head + 8 * i);
    }
    const Address object = heap.object(type, head + 16);
    const Address value = heap.integer(5);
    heap.word(object + head, value.value);
    Decoded decoded(heap);
    CHECK(decoded.find(object, "one") == value);
    CHECK_FALSE(decoded.find(object, "two"));
    CHECK_FALSE(decoded.find(object, "on"));
    CHECK_FALSE(decoded.find(object, "three"));
    CHECK(decoded.find(object, "__class__") == type);
    decoded.check_all(object);
  }
}

TEST_CASE(
    "what the dict behind an instance holds is found, and nothing of what only looks like one") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const std::uint64_t head = layout->object.struct_size;
    const Address type = add_class(heap, "WithDict", {0, head + 8});
    heap.store(type, layout->type.dictoffset, head);
    const Address object = heap.object(type, head + 8);
    const Address value = heap.integer(7);
    const Address dict = heap.dict(
        {{heap.identifier("first"), heap.integer(1)}, {heap.identifier("second"), value}});
    heap.word(object + head, dict.value);
    const Address damaged = heap.object(type, head + 8);
    heap.word(damaged + head, (kLoose + 8).value);
    const Address bare = heap.object(type, head + 8);
    Decoded decoded(heap);
    CHECK(decoded.find(object, "second") == value);
    CHECK(decoded.find(object, "__dict__") == dict);
    CHECK_FALSE(decoded.find(object, "third"));
    CHECK_FALSE(decoded.find(damaged, "second"));
    CHECK_FALSE(decoded.find(bare, "second"));
    decoded.check_all(object);
    // The lookup remembers keys: one that is made of other bytes at the same name is found as well.
    AttributeLookup lookup("second");
    CHECK(lookup.find(*decoded.decoder, decoded.object(object)) == value);
    CHECK_FALSE(lookup.find(*decoded.decoder, decoded.object(bare)));
    CHECK(lookup.find(*decoded.decoder, decoded.object(object)) == value);
  }
}

TEST_CASE("values in the place of a dict are found by the class's shared keys") {
  int versions = 0;
  for (const auto* layout : gil_layouts()) {
    if (!layout->traits.inline_values) continue;
    ++versions;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const auto& flags = layout->traits.type_flags;
    const std::uint64_t head = layout->object.struct_size;
    const Address type =
        add_class(heap, "Inline", {flags.managed_dict | flags.inline_values, head});
    const Address keys = heap.keys_object({{heap.identifier("first"), {}},
                                           {heap.identifier("second"), {}},
                                           {heap.identifier("third"), {}}},
                                          DictKeysKind::kSplit);
    heap.store(type, layout->heap_type.cached_keys, keys.value);
    const auto& v = layout->dict_values;
    const Address object = heap.object(type, head + v.values.offset + 8 * 5);
    const Address value = heap.integer(7);
    heap.store(object + head, v.valid, 1);
    heap.store(object + head, v.capacity, 2);
    heap.word(object + head + v.values.offset + 8, value.value);
    Decoded decoded(heap);
    CHECK(decoded.find(object, "second") == value);
    CHECK_FALSE(decoded.find(object, "first"));
    CHECK_FALSE(decoded.find(object, "third"));  // beyond the room for values
    decoded.check_all(object);
  }
  CHECK(versions > 0);
}

TEST_CASE("a module's names are its attributes") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address value = heap.integer(3);
    const Address names = heap.dict({{heap.identifier("answer"), value}});
    const Address module = heap.module(names);
    Decoded decoded(heap);
    CHECK(decoded.find(module, "answer") == value);
    CHECK(decoded.find(module, "__dict__") == names);
    decoded.check_all(module);
  }
}

TEST_CASE("items are found by place and by key, and not beyond") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address a = heap.integer(11), b = heap.integer(22);
    const Address list = heap.list({a, b});
    const Address tuple = heap.tuple({a, b});
    const Address empty = heap.list({});
    const Address by_text = heap.dict({{heap.identifier("k"), a}, {heap.identifier("m"), b}});
    const Address by_number = heap.dict({{heap.integer(1), a}, {heap.integer(-2), b}});
    const Address text = heap.identifier("text");
    Decoded decoded(heap);
    Decoder& decoder = *decoded.decoder;
    for (const Address container : {list, tuple}) {
      const Object object = decoded.object(container);
      CHECK(length_of(decoder, object) == 2);
      CHECK(item_at(decoder, object, 0) == a);
      CHECK(item_at(decoder, object, -1) == b);
      CHECK_FALSE(item_at(decoder, object, 2));
      CHECK_FALSE(item_at(decoder, object, -3));
      CHECK_FALSE(item_under(decoder, object, "k"));
    }
    CHECK(length_of(decoder, decoded.object(empty)) == 0);
    CHECK_FALSE(item_at(decoder, decoded.object(empty), 0));
    CHECK(item_under(decoder, decoded.object(by_text), "m") == b);
    CHECK_FALSE(item_under(decoder, decoded.object(by_text), "z"));
    CHECK_FALSE(item_under(decoder, decoded.object(by_text), std::int64_t{1}));
    CHECK(item_under(decoder, decoded.object(by_number), std::int64_t{-2}) == b);
    CHECK_FALSE(item_under(decoder, decoded.object(by_number), std::int64_t{2}));
    CHECK(length_of(decoder, decoded.object(by_number)) == 2);
    CHECK(length_of(decoder, decoded.object(text)) == 4);
    CHECK(capacity_of(decoder, decoded.object(list)) == 2);
    CHECK_FALSE(capacity_of(decoder, decoded.object(tuple)));
    CHECK_FALSE(length_of(decoder, decoded.object(a)));
  }
}

TEST_CASE("plain values are what the program compares") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address number = heap.integer(-42);
    const Address large = heap.long_integer(std::int64_t{1} << 40);
    const Address text = heap.str("a text");
    const Address empty = heap.str("");
    const Address bytes = heap.bytes("raw");
    const Address list = heap.list({});
    Decoded decoded(heap);
    std::string made;
    const auto value = [&](Address a, std::size_t most = 100) {
      const auto plain = plain_value(*decoded.decoder, decoded.object(a), most, made);
      REQUIRE(plain.has_value());
      return *plain;
    };
    CHECK(value(number).kind == PlainValue::Kind::integer);
    CHECK(value(number).integer == -42);
    CHECK(value(large).integer == std::int64_t{1} << 40);
    CHECK(value(text).text == "a text");
    CHECK(value(text, 3).text == "a t");
    CHECK(value(empty).kind == PlainValue::Kind::text);
    CHECK(value(empty).text.empty());
    CHECK(value(bytes).text == "raw");
    CHECK(value(list).kind == PlainValue::Kind::other);
  }
}

}  // namespace
