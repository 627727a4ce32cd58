// The fixed point over metatypes, shapes, and where names come from.
#include "heapparse/pymalloc/pymalloc_heap.h"
#include "heapparse/python/type_names.h"
#include "heapparse/python/type_table.h"
#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;
using synthetic::layout_of;
using synthetic::TypeSpec;

TypeTable types_of(HeapBuilder& heap) {
  JobControl job;
  const auto image = heap.image();
  auto table = find_types(image, heap.runtime(), {heap.malloc_heap()}, {}, job);
  REQUIRE(table.has_value());
  return std::move(*table);
}
const PythonType* at(const TypeTable& table, Address a) {
  const auto index = table.find(a);
  return index ? &table[*index] : nullptr;
}

TEST_CASE("static types are found with their sizes, shapes and names") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const TypeTable table = types_of(heap);
    const std::pair<std::string, Shape> expected[] = {
        {"type", Shape::type},           {"object", Shape::plain},
        {"tuple", Shape::tuple},         {"list", Shape::list},
        {"dict", Shape::dict},           {"set", Shape::set},
        {"float", Shape::float_number},  {"module", Shape::module},
        {"bytearray", Shape::bytearray}, {"collections.deque", Shape::deque},
        {"array.array", Shape::array},
    };
    for (const auto& [name, shape] : expected) {
      INFO(name);
      const PythonType* t = at(table, heap.type(name));
      REQUIRE(t != nullptr);
      CHECK(t->name == name);
      CHECK(t->shape == shape);
      CHECK(t->is_static);
      CHECK_FALSE(t->name_from_heap);
      CHECK(t->metatype == heap.type_type);
      CHECK(t->preheader == (t->is_gc ? heap.gc_head_bytes : 0));
    }
    const bool old = !layout->traits.unicode_compact;
    CHECK(at(table, heap.type("str"))->shape == (old ? Shape::bytes : Shape::str));
    CHECK(at(table, heap.type("int"))->shape == (old ? Shape::int_2 : Shape::long_int));
    if (old) {
      CHECK(at(table, heap.type("unicode"))->shape == Shape::unicode_2);
    } else {
      CHECK(at(table, heap.type("collections.OrderedDict"))->shape == Shape::odict);
    }
    CHECK(table.all().size() == 15);
    CHECK(std::is_sorted(table.all().begin(), table.all().end(),
                         [](const auto& a, const auto& b) { return a.address < b.address; }));
    CHECK_FALSE(table.find(heap.type_type + 8).has_value());
    CHECK_FALSE(table.find(Address{}).has_value());
  }
}

TEST_CASE("classes are found through metatypes that are classes themselves, however deep") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const auto& f = heap.flags();
    Address metatype;
    std::vector<Address> chain;
    for (int i = 0; i < 4; ++i) {
      metatype = heap.add_heap_type("Meta" + std::to_string(i), "app",
                                    {f.have_gc | f.type_subclass, layout->heap_type.struct_size, 40,
                                     heap.type_type, metatype});
      chain.push_back(metatype);
    }
    const Address node = heap.add_heap_type(
        "Node", "app.tree", {f.have_gc | heap.flags().managed_dict, 32, 0, {}, metatype});
    const TypeTable table = types_of(heap);
    for (const Address type : chain) {
      REQUIRE(at(table, type) != nullptr);
      CHECK(at(table, type)->shape == Shape::type);
      CHECK_FALSE(at(table, type)->is_static);
    }
    REQUIRE(at(table, node) != nullptr);
    CHECK(at(table, node)->name == "app.tree.Node");
    CHECK(at(table, node)->metatype == metatype);
    CHECK(at(table, node)->preheader ==
          heap.gc_head_bytes + (f.managed_dict != 0 ? layout->traits.preheader_size : 0U));
  }
}

TEST_CASE("classes under the debug hooks lie behind their prefix") {
  HeapBuilder heap(layout_of(3, 11), {0, 16});
  const Address node = heap.add_heap_type("Node", "app", {heap.flags().have_gc, 32});
  const TypeTable table = types_of(heap);
  REQUIRE(at(table, node) != nullptr);
  CHECK(at(table, node)->name == "app.Node");
}

TEST_CASE("a subclass takes its shape from the nearest base that has one") {
  HeapBuilder heap(layout_of(3, 11));
  const auto& f = heap.flags();
  const Address queue =
      heap.add_heap_type("Queue", "app", {f.have_gc, 104, 0, heap.type("collections.deque")});
  const Address deeper = heap.add_heap_type("Deeper", "app", {f.have_gc, 104, 0, queue});
  const Address counter =
      heap.add_heap_type("Counter", "app", {f.have_gc | f.dict_subclass, 64, 0, heap.type("dict")});
  const Address recent = heap.add_heap_type(
      "Recent", "app", {f.have_gc | f.dict_subclass, 128, 0, heap.type("collections.OrderedDict")});
  const TypeTable table = types_of(heap);
  CHECK(at(table, queue)->shape == Shape::deque);
  CHECK(at(table, deeper)->shape == Shape::deque);
  CHECK(at(table, counter)->shape == Shape::dict);
  CHECK(at(table, recent)->shape == Shape::odict);
}

TEST_CASE("what resembles a type is none") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder sound(*layout);
    const Address node = sound.add_heap_type("Node", "app", {sound.flags().have_gc, 32});
    REQUIRE(at(types_of(sound), node) != nullptr);
    const auto survives = [&](const layouts::Field& field, std::uint64_t value) {
      HeapBuilder heap = sound;
      heap.store(node, field, value);
      return at(types_of(heap), node) != nullptr;
    };
    const auto& f = sound.flags();
    CHECK_FALSE(survives(layout->object.refcnt, 0));
    CHECK_FALSE(survives(layout->object.refcnt, 0x7f0012345678));
    CHECK_FALSE(survives(layout->object.type, sound.object_type.value));
    CHECK_FALSE(survives(layout->type.flags, f.heap_type));  // not ready
    CHECK_FALSE(survives(layout->type.basicsize, 1ULL << 40));
    CHECK_FALSE(survives(layout->type.itemsize, ~0ULL));
    // The base chain must end at `object`, inside the table.
    CHECK_FALSE(survives(layout->type.base, 0));
    CHECK_FALSE(survives(layout->type.base, 0x1000));
    CHECK_FALSE(survives(layout->type.base, node.value));
    CHECK(survives(layout->type.base, sound.type("list").value));
  }
}

TEST_CASE("in memory of an unknown allocator a class is on a list of the collector") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address node = heap.add_heap_type("Node", "app", {heap.flags().have_gc, 32});
    const Address head = node - heap.gc_head_bytes;
    const auto found_after = [&](std::uint64_t next, std::uint64_t prev) {
      heap.word(head, next);
      heap.word(head + 8, prev);
      JobControl job;
      const auto image = heap.image();
      const AddressRange around{node - 64, node + layout->heap_type.struct_size};
      const auto table = find_types(image, heap.runtime(), {}, {}, job, std::span(&around, 1));
      REQUIRE(table.has_value());
      return at(*table, node) != nullptr;
    };
    CHECK(found_after(head.value, head.value));
    CHECK_FALSE(found_after(1, head.value));  // the refcount of an int in front
    CHECK_FALSE(found_after(0, 0));
    CHECK_FALSE(found_after(head.value, head.value + 64));  // its neighbours forgot it
    // In a collection what would lead back is a count with a mark.
    CHECK(found_after(head.value, 5 << 2 | 2) == !layout->traits.gc_refs_in_head);
  }
}

TEST_CASE("a class is named by its str objects, its C name, a module's key, its place") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout, {0, 0, 0, false});  // no C strings of static types
    const Address node = heap.add_heap_type("Node", "app", {heap.flags().have_gc, 32});
    const Address builtin = heap.add_heap_type(
        "thing", layout->traits.unicode_compact ? "builtins" : "__builtin__", {0, 16});
    const Address homeless = heap.add_heap_type("Homeless", "", {0, 16});
    const Address hidden = heap.add_static_type("hidden.static", {0, 24});
    const Address exported = heap.add_static_type("extension.static", {0, 24});
    heap.boot();
    const Address nameless = heap.add_heap_type("Nameless", "", {0, 16});
    heap.store(nameless, layout->heap_type.name, 0);
    heap.store(nameless, layout->heap_type.qualname, 0);
    // sys.modules["extension"].Widget and types.FunctionType
    const Address function = heap.add_static_type("function.static", {0, 24});
    heap.modules =
        heap.dict({{heap.identifier("extension"),
                    heap.module(heap.dict({{heap.identifier("Widget"), exported},
                                           {heap.identifier("borrowed"), function}}))},
                   {heap.identifier("types"),
                    heap.module(heap.dict({{heap.identifier("FunctionType"), function}}))}});
    const TypeTable table = types_of(heap);
    CHECK(at(table, node)->name == "app.Node");
    CHECK_FALSE(at(table, node)->name_from_heap);
    CHECK(at(table, builtin)->name == "thing");
    CHECK(at(table, homeless)->name == "Homeless");
    CHECK(at(table, heap.type("dict"))->name == "dict");
    CHECK(at(table, heap.type("dict"))->name_from_heap);
    // Keys of modules are guesses: nothing says that the type calls itself so.
    CHECK(at(table, exported)->name == "extension.Widget?");
    CHECK(at(table, function)->name == "function?");
    char place[32];
    std::snprintf(place, sizeof place, "<type at %#llx>",
                  static_cast<unsigned long long>(hidden.value));
    CHECK(at(table, hidden)->name == place);
    CHECK(at(table, nameless)->name.starts_with("<type at 0x"));
  }
}

// A static type as CPython 3.11 describes it, with the C string of its name out of reach.
Address describe(HeapBuilder& heap, const TypeSpec& spec, const std::vector<std::string>& keys,
                 const std::string& documentation = {}) {
  const Address type = heap.add_static_type("out.of.reach", spec);
  std::vector<std::pair<Address, Address>> items;
  for (const std::string& key : keys) {
    const bool is_doc = key == "__doc__" && !documentation.empty();
    items.emplace_back(heap.identifier(key),
                       is_doc ? heap.identifier(documentation) : heap.object_type);
  }
  heap.store(type, heap.layout.type.dict, heap.dict(items).value);
  return type;
}

TEST_CASE("a static type is known by its base, sizes, keys and documentation") {
  HeapBuilder heap(layout_of(3, 11), {0, 0, 0, false});
  const std::vector<std::string> field = {"__delete__", "__doc__", "__get__", "__repr__",
                                          "__set__",    "offset",  "size"};
  const Address map = describe(heap, {0, 64}, {"size", "__doc__"});
  const Address documented = describe(heap, {0, 72}, field, "Structure/Union member");
  const Address larger = describe(heap, {0, 80}, {"size", "__doc__"});
  const Address with_more = describe(heap, {0, 64}, {"size", "__doc__", "weight"});
  const Address other_base =
      describe(heap, {heap.flags().have_gc, 64, 0, heap.type("module")}, {"size", "__doc__"});
  const TypeTable table = types_of(heap);
  CHECK(at(table, map)->name == "EncodingMap");
  CHECK(at(table, map)->name_from_heap);
  CHECK(at(table, documented)->name == "_ctypes.CField");
  for (const Address unknown : {larger, with_more, other_base}) {
    CHECK(at(table, unknown)->name.starts_with("<type at 0x"));
  }
}

TEST_CASE("of types that are described alike a module's key names one") {
  HeapBuilder heap(layout_of(3, 11), {0, 0, 0, false});
  const std::vector<std::string> keys = {"__doc__",         "__getattribute__", "__iter__",
                                         "__length_hint__", "__next__",         "__reduce__",
                                         "__setstate__"};
  const Address first = describe(heap, {0, 48}, keys);
  const Address second = describe(heap, {0, 48}, keys);
  heap.boot();
  {
    const TypeTable table = types_of(heap);
    CHECK(at(table, first)->name == "longrange_iterator|range_iterator?");
    CHECK(at(table, second)->name == "longrange_iterator|range_iterator?");
  }
  heap.modules =
      heap.dict({{heap.identifier("_collections_abc"),
                  heap.module(heap.dict({{heap.identifier("range_iterator"), second}}))}});
  const TypeTable table = types_of(heap);
  CHECK(at(table, second)->name == "range_iterator");
  // Nothing says here that they are the interpreter's own, which has each once.
  CHECK(at(table, first)->name == "longrange_iterator|range_iterator?");
}

TEST_CASE("a key that is another's, or a lie, decides nothing") {
  HeapBuilder heap(layout_of(3, 11), {0, 0, 0, false});
  const Address map = describe(heap, {0, 64}, {"size", "__doc__"});
  heap.boot();
  heap.modules = heap.dict({{heap.identifier("_collections_abc"),
                             heap.module(heap.dict({{heap.identifier("range_iterator"), map}}))}});
  CHECK(at(types_of(heap), map)->name == "EncodingMap");
}

TEST_CASE("a type that an extension made itself has no GC head, and then says that it is static") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    if (heap.gc_head_bytes == 0) continue;
    const std::uint64_t bytes = layout->type.struct_size + 200U;
    const auto made = [&](std::uint64_t flags) {
      const Address at = heap.chunk(bytes);
      heap.describe_type(at, {0, 32}, flags);
      return at;
    };
    const Address made_static = made(0);
    const Address not_static = made(heap.flags().heap_type);
    const TypeTable table = types_of(heap);
    REQUIRE(at(table, made_static) != nullptr);
    CHECK(at(table, made_static)->is_static);
    CHECK(at(table, not_static) == nullptr);
  }
}

TEST_CASE("a table of addresses in a module's data is no type, though a type's address is in it") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address type = heap.add_static_type("app.Type", {0, 32});
    const Address counted = heap.add_static_type("app.Counted", {0, 32});
    heap.store(type, layout->object.refcnt, type.value);
    heap.store(counted, layout->object.refcnt, 70000);
    const TypeTable table = types_of(heap);
    CHECK(at(table, type) == nullptr);
    CHECK(at(table, counted) != nullptr);
  }
}

TEST_CASE("text that is no name does not become one") {
  HeapBuilder heap(layout_of(3, 11));
  const Address odd = heap.add_static_type("odd\x01name", {0, 16});
  const Address empty = heap.add_static_type("", {0, 16});
  const TypeTable table = types_of(heap);
  CHECK(at(table, odd)->name.starts_with("<type at 0x"));
  CHECK(at(table, empty)->name.starts_with("<type at 0x"));
}

TEST_CASE("the table finds each of thousands of types, and nothing else") {
  std::vector<PythonType> types(5000);
  for (std::size_t i = 0; i < types.size(); ++i) {
    types[i].address = Address{0x7f0000000000 + (types.size() - i) * 0x410};
  }
  TypeTable table;
  CHECK_FALSE(table.find(Address{0x7f0000000410}).has_value());
  table.build(types);
  for (const PythonType& type : types) {
    const auto index = table.find(type.address);
    REQUIRE(index.has_value());
    CHECK(table[*index].address == type.address);
    CHECK_FALSE(table.find(type.address + 16).has_value());
  }
  TypeTable none;
  none.build({});
  CHECK_FALSE(none.find(Address{}).has_value());
  CHECK_FALSE(none.find(Address{8}).has_value());
}

TEST_CASE("a cancelled search for types is an error") {
  HeapBuilder heap(layout_of(3, 11));
  const auto image = heap.image();
  JobControl job;
  job.cancel();
  const auto table = find_types(image, heap.runtime(), {}, {}, job);
  REQUIRE_FALSE(table.has_value());
  CHECK(table.error().code == ErrorCode::cancelled);
}

}  // namespace
