// What instances hold: slots, a dict, values in its place, their class; and what sys.getsizeof says
// of types.
#include <algorithm>
#include <string>
#include <tuple>

#include "heapparse/python/references.h"
#include "heapparse/python/shallow_size.h"
#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using layouts::DictKeysKind;
using layouts::ManagedDict;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;
using synthetic::kLoose;
using synthetic::Read;

// Edge as shown, target, skipped.
using Edges = std::vector<std::tuple<std::string, Address, SkipCause>>;

constexpr std::uint64_t kDealloc = 0x1000;   // of classes
constexpr std::uint64_t kTraverse = 0x1100;  // of classes

struct Decoded {
  Decoded(HeapBuilder& heap, Address object) : read(heap), runtime(heap.runtime()) {
    JobControl job;
    auto found = find_types(read.image, runtime, {heap.malloc_heap()}, {}, job);
    REQUIRE(found.has_value());
    types = std::move(*found);
    const auto type = types.find(*read.reader.type_of(object));
    REQUIRE(type.has_value());
    Decoder decoder(read.image.space, runtime, types);
    for_each_reference(decoder, {object, &types[*type]}, [&](const Reference& r) {
      edges.emplace_back(edge_text(decoder, r.name), r.target, r.skipped);
    });
    std::sort(edges.begin(), edges.end());
    size = shallow_size(decoder, {object, &types[*type]});
  }
  Read read;
  Runtime runtime;
  TypeTable types;
  Edges edges;
  std::optional<ShallowSize> size;
};

Edges sorted(Edges edges) {
  std::sort(edges.begin(), edges.end());
  return edges;
}

// A class as a class statement makes it; with companions, because classes are told from C types by
// being many.
Address add_class(HeapBuilder& heap, const std::string& name, synthetic::TypeSpec spec) {
  for (int i = 0; i < 3; ++i) {
    const Address other = heap.add_heap_type("Other" + std::to_string(i) + name, "m", {});
    heap.store(other, heap.layout.type.dealloc, kDealloc);
  }
  spec.flags |= heap.flags().have_gc;
  const Address at = heap.add_heap_type(name, "m", spec);
  heap.store(at, heap.layout.type.dealloc, kDealloc);
  heap.store(at, heap.layout.type.traverse, kTraverse);
  return at;
}

TEST_CASE("slots are edges by their names, an empty one is none, and a class is held once") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const std::uint64_t head = layout->object.struct_size;
    const auto& f = layout->member_def;
    const Address base = add_class(heap, "Base", {0, head + 16});
    heap.chunk(3 * f.struct_size);  // the definitions lie behind the type object
    const Address derived = add_class(heap, "Derived", {0, head + 24, 0, base});
    heap.chunk(3 * f.struct_size);
    const auto slots = [&](Address type, std::vector<std::pair<const char*, std::uint64_t>> all) {
      heap.store(type, layout->var_object.size, all.size());
      for (std::size_t i = 0; i < all.size(); ++i) {
        const Address member = type + layout->heap_type.struct_size + i * f.struct_size;
        heap.store(member, f.name, heap.c_string(all[i].first).value);
        heap.store(member, f.type, 16);
        heap.store(member, f.offset, all[i].second);
      }
    };
    slots(base, {{"one", head}, {"two", head + 8}});
    slots(derived, {{"three", head + 16}});
    const Address object = heap.object(derived, head + 24);
    const Address a = heap.list({}), b = heap.list({});
    heap.word(object + head, a.value);
    heap.word(object + head + 16, b.value);
    const Decoded said(heap, object);
    CHECK(said.edges == sorted({{".one", a, SkipCause::none},
                                {".three", b, SkipCause::none},
                                {".__class__", derived, SkipCause::none}}));
    REQUIRE(said.size.has_value());
    CHECK(said.size->bytes == head + 24 + heap.gc_head_bytes);
    CHECK_FALSE(said.size->overridden);
  }
}

TEST_CASE("a dict behind the object belongs to the instance") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const std::uint64_t head = layout->object.struct_size;
    const Address type = add_class(heap, "WithDict", {0, head + 8});
    heap.store(type, layout->type.dictoffset, head);
    const Address object = heap.object(type, head + 8);
    CHECK(Decoded(heap, object).edges == Edges{{".__class__", type, SkipCause::none}});
    const Address dict = heap.dict({});
    heap.word(object + head, dict.value);
    CHECK(Decoded(heap, object).edges ==
          sorted({{".__dict__", dict, SkipCause::none}, {".__class__", type, SkipCause::none}}));
  }
}

TEST_CASE("inline values are attributes of the instance until a dict shows them") {
  for (const auto* layout : gil_layouts()) {
    if (!layout->traits.inline_values) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const auto& flags = layout->traits.type_flags;
    const std::uint64_t head = layout->object.struct_size;
    const Address type =
        add_class(heap, "Inline", {flags.managed_dict | flags.inline_values, head});
    const Address value = heap.list({});
    const Address keys = heap.keys_object({{heap.identifier("x"), {}}, {heap.identifier("y"), {}}},
                                          DictKeysKind::kSplit);
    heap.store(type, layout->heap_type.cached_keys, keys.value);
    const Address object = heap.object(type, head + 64);
    heap.store(object + head, layout->dict_values.capacity, 3);
    heap.store(object + head, layout->dict_values.valid, 1);
    heap.word(object + head + layout->dict_values.values.offset + 8, value.value);
    CHECK(Decoded(heap, object).edges ==
          sorted({{".y", value, SkipCause::none}, {".__class__", type, SkipCause::none}}));

    const Address dict = heap.dict({});
    heap.word(object - layout->traits.managed_dict_distance, dict.value);
    if (layout->traits.dict_traverses_inline_values) {
      CHECK(Decoded(heap, object).edges ==
            sorted({{".__dict__", dict, SkipCause::none}, {".__class__", type, SkipCause::none}}));
    } else {
      CHECK(Decoded(heap, object).edges == sorted({{".y", value, SkipCause::none},
                                                   {".__dict__", dict, SkipCause::not_traversed},
                                                   {".__class__", type, SkipCause::none}}));
    }
    // A dict that took the values over leaves nothing valid.
    heap.store(object + head, layout->dict_values.valid, 0);
    CHECK(Decoded(heap, object).edges ==
          sorted({{".__dict__", dict, SkipCause::none}, {".__class__", type, SkipCause::none}}));
  }
}

TEST_CASE("a class owns the names in the table that its instances share") {
  for (const auto* layout : gil_layouts()) {
    if (!layout->heap_type.cached_keys.present()) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address type = add_class(heap, "Shared", {0, layout->object.struct_size});
    const Address x = heap.identifier("x"), y = heap.identifier("y");
    const auto names = [&] {
      Edges out;
      for (const auto& edge : Decoded(heap, type).edges) {
        if (std::get<SkipCause>(edge) == SkipCause::shared_keys) out.push_back(edge);
      }
      return out;
    };
    CHECK(names().empty());
    const Address keys = heap.keys_object({{x, {}}, {y, {}}}, DictKeysKind::kSplit);
    heap.store(type, layout->heap_type.cached_keys, keys.value);
    CHECK(names() ==
          Edges{{"<key 0>", x, SkipCause::shared_keys}, {"<key 1>", y, SkipCause::shared_keys}});
  }
}

TEST_CASE("a static type object shows nothing, and has a GC head for getsizeof alone") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address list = heap.type("list");
    const Address dict = heap.dict({});
    heap.store(list, layout->type.dict, dict.value);
    const Decoded said(heap, list);
    REQUIRE_FALSE(said.edges.empty());
    for (const auto& [name, target, skipped] : said.edges) {
      CHECK(skipped == SkipCause::static_type);
    }
    REQUIRE(said.size.has_value());
    const std::uint64_t own = layout->traits.sizeof_type_is_default ? layout->heap_type.struct_size
                                                                    : layout->type.struct_size;
    CHECK(said.size->bytes ==
          own + (layout->traits.sizeof_static_type_has_gc_head ? heap.gc_head_bytes : 0));
  }
}

TEST_CASE("a __sizeof__ of a class marks its instances, a C one put back does not") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const auto& f = layout->type;
    const Address method_type = heap.add_static_type(
        "method_descriptor", {heap.flags().have_gc, layout->method_descriptor.struct_size});
    const Address c_method = heap.object(method_type, layout->method_descriptor.struct_size);
    heap.store(c_method, layout->descriptor.type, heap.type("list").value);
    heap.store(heap.type("list"), f.dict,
               heap.dict({{heap.identifier("__sizeof__"), c_method}}).value);
    const synthetic::TypeSpec spec{heap.flags().list_subclass, layout->list.struct_size, 0,
                                   heap.type("list")};
    const auto mro = [&](Address type, std::vector<Address> all) {
      heap.store(type, f.mro, heap.tuple(all).value);
    };
    const Address own = add_class(heap, "Own", spec);
    heap.store(own, f.dict, heap.dict({{heap.identifier("__sizeof__"), heap.list({})}}).value);
    mro(own, {own, heap.type("list"), heap.object_type});
    const Address back = add_class(heap, "Back", {spec.flags, spec.basicsize, 0, own});
    heap.store(back, f.dict, heap.dict({{heap.identifier("__sizeof__"), c_method}}).value);
    mro(back, {back, own, heap.type("list"), heap.object_type});
    for (const auto& [type, overridden] : {std::pair(own, true), std::pair(back, false)}) {
      const Address object = heap.object(type, layout->list.struct_size);
      const Decoded said(heap, object);
      REQUIRE(said.size.has_value());
      CHECK(said.size->overridden == overridden);
      CHECK(said.size->bytes == layout->list.struct_size + heap.gc_head_bytes);
    }
  }
}

TEST_CASE(
    "a __sizeof__ that an extension wrote in C marks its instances, one of the interpreter's not") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const auto& f = layout->type;
    const Address method = heap.object(heap.type("object"), 16);
    const auto made = [&](const std::string& name) {
      const Address type = heap.add_static_type(name, {0, 48});
      heap.store(type, f.dict, heap.dict({{heap.identifier("__sizeof__"), method}}).value);
      heap.store(type, f.mro, heap.tuple({type, heap.object_type}).value);
      return heap.object(type, 48);
    };
    const Decoded foreign(heap, made("app.Engine"));
    REQUIRE(foreign.size.has_value());
    CHECK(foreign.size->overridden);
    CHECK(foreign.size->bytes == 48);
    const Address plain = heap.add_static_type("app.Plain", {0, 48});
    heap.store(plain, f.mro, heap.tuple({plain, heap.object_type}).value);
    CHECK_FALSE(Decoded(heap, heap.object(plain, 48)).size->overridden);
    CHECK_FALSE(Decoded(heap, made("array.array")).size->overridden);
  }
}

TEST_CASE("a static type of another metatype than `type` has a GC head for getsizeof since 3.13") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const auto& traits = layout->traits;
    const Address meta =
        heap.add_static_type("app.Meta", {heap.flags().type_subclass | heap.flags().have_gc,
                                          layout->heap_type.struct_size, 0, heap.type_type});
    const Address type = heap.add_static_type("app.Type", {0, 32, 0, {}, meta});
    const Decoded said(heap, type);
    REQUIRE(said.size.has_value());
    const std::uint64_t own =
        traits.sizeof_type_is_default ? layout->heap_type.struct_size : layout->type.struct_size;
    const bool head =
        traits.sizeof_static_type_has_gc_head || traits.sizeof_other_metatype_has_gc_head;
    CHECK(said.size->bytes == own + (head ? heap.gc_head_bytes : 0));
  }
}

}  // namespace
