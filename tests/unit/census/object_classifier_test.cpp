// Which blocks are objects: every shape at every place it may start, and what only resembles one.
#include "heapparse/census/object_classifier.h"

#include "tests/unit/census/world.h"

namespace {

using namespace coreheap;
using namespace coreheap::census;
using census::testing::World;
using python::synthetic::gil_layouts;
using python::synthetic::HeapBuilder;
using python::synthetic::kLoose;
using python::synthetic::layout_of;
using python::synthetic::Options;

struct Judge {
  explicit Judge(HeapBuilder& heap)
      : world(heap),
        classifier(world.image.space, world.runtime, world.types, world.pools.geometry.alignment) {}

  std::optional<ObjectVerdict> block(Address at, std::uint64_t bytes, bool exact = true) {
    return classifier.classify(world.image.space.bytes(at, bytes), at, exact);
  }
  std::string name(const std::optional<ObjectVerdict>& verdict) const {
    return verdict ? world.types[verdict->type].name : "none";
  }

  World world;
  ObjectClassifier classifier;
};

// The block an object of this size is in, as its allocator cuts it.
std::uint64_t block_bytes(const HeapBuilder& heap, std::uint64_t bytes) {
  const std::uint64_t a = heap.memory.geometry().alignment;
  return (bytes + a - 1) / a * a;
}

TEST_CASE("objects are found behind their heads, in every version and under the debug hooks") {
  for (const auto* layout : gil_layouts()) {
    for (const std::uint32_t head : layout->traits.gc_head_sizes) {
      for (const std::uint32_t prefix : {0U, 16U}) {
        INFO(layout->name << ", head " << head << ", prefix " << prefix);
        HeapBuilder heap(*layout, Options{head, prefix});
        struct Expected {
          Address object;
          std::uint32_t offset;
          std::uint64_t bytes;
          std::string type;
        };
        const Address list = heap.list({heap.integer(1)});
        const Address tuple = heap.tuple({list, list});
        const Address number = heap.integer(7);
        const Address text = heap.identifier("some text");
        const Address real = heap.object(heap.type("float"), layout->float_object.struct_size);
        const std::uint64_t of_text = layout->traits.unicode_compact
                                          ? layout->str.struct_size + 10U
                                          : layout->bytes.data.offset + 10U;
        const std::uint64_t of_int = layout->traits.unicode_compact
                                         ? layout->long_int.digits.offset + 4U
                                         : layout->object.struct_size + 8U;
        const Expected expected[] = {
            {list, prefix + head, layout->list.struct_size, "list"},
            {tuple, prefix + head, layout->tuple.items.offset + 16U, "tuple"},
            {number, prefix, of_int, "int"},
            {text, prefix, of_text, "str"},
            {real, prefix, layout->float_object.struct_size, "float"},
        };
        Judge judge(heap);
        for (const Expected& e : expected) {
          INFO(e.type);
          const std::uint64_t tail = prefix == 0 ? 0 : layout->traits.debug_serial_after ? 16 : 8;
          const auto verdict =
              judge.block(e.object - e.offset, block_bytes(heap, e.offset + e.bytes + tail));
          CHECK(judge.name(verdict) == e.type);
          REQUIRE(verdict.has_value());
          CHECK(verdict->offset == e.offset);
          CHECK_FALSE(verdict->dead);
          CHECK_FALSE(verdict->doubtful);
        }
      }
    }
  }
}

TEST_CASE("an instance with managed words lies behind them and its GC head") {
  for (const auto* layout : gil_layouts()) {
    if (layout->traits.preheader_size == 0) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address node =
        heap.add_heap_type("Node", "app", {heap.flags().have_gc | heap.flags().managed_dict, 16});
    const Address instance = heap.object(node, 16);
    Judge judge(heap);
    const auto verdict = judge.block(instance - 32, 48);
    CHECK(judge.name(verdict) == "app.Node");
    REQUIRE(verdict.has_value());
    CHECK(verdict->offset == 32);
    // Read from anywhere else it is nothing.
    CHECK(judge.name(judge.block(instance - 16, 32)) == "none");
    CHECK(judge.name(judge.block(instance, 16)) == "none");
  }
}

TEST_CASE("a type without a GC head lies at the beginning of its chunk") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const std::uint64_t bytes = (layout->heap_type.struct_size + 223U) / 16 * 16 + 8;
    const Address made = heap.chunk(bytes);
    heap.describe_type(made, {0, 32}, 0);
    const Address other = heap.chunk(bytes);  // a word that names a metatype makes no type
    heap.word(other + layout->object.type.offset, heap.type_type.value);
    Judge judge(heap);
    const auto verdict = judge.block(made, bytes, false);
    CHECK(judge.name(verdict) == "type");
    REQUIRE(verdict.has_value());
    CHECK(verdict->offset == 0);
    CHECK(judge.name(judge.block(other, bytes, false)) == "none");
  }
}

TEST_CASE("a tuple of classes is a tuple, not an instance of the first") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address node =
        heap.add_heap_type("Node", "app", {heap.flags().have_gc | heap.flags().managed_dict, 16});
    const Address tuple = heap.tuple({node, node});
    Judge judge(heap);
    const std::uint64_t bytes = heap.gc_head_bytes + layout->tuple.items.offset + 16U;
    const auto verdict = judge.block(tuple - heap.gc_head_bytes, block_bytes(heap, bytes));
    CHECK(judge.name(verdict) == "tuple");
  }
}

TEST_CASE("a dead object is told by its refcount, a doubtful one by what that could point to") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    constexpr Address kLow{0x12000};
    heap.memory.add_region(kLow, 0x200000, image::MappingKind::anonymous);  // 256 Ki words
    const Address dead = heap.object(heap.type("object"), 16, 0);
    const Address doubtful = heap.object(heap.type("object"), 16, kLow.value + 0x40);
    const Address many = heap.object(heap.type("object"), 16, kLow.value - 0x1000);
    Judge judge(heap);
    const auto d = judge.block(dead, 16);
    REQUIRE(d.has_value());
    CHECK(d->dead);
    const auto e = judge.block(doubtful, 16);
    REQUIRE(e.has_value());
    CHECK(e->doubtful);
    const auto f = judge.block(many, 16);
    REQUIRE(f.has_value());
    CHECK_FALSE(f->doubtful);
  }
}

TEST_CASE("nothing has more references than its image has words") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address first = heap.object(heap.type("object"), 16);
    const std::uint64_t words = heap.image().space.word_count();
    for (const bool too_many : {false, true}) {
      heap.header(first, heap.type("object"), words + (too_many ? 1 : 0));
      Judge judge(heap);
      // An allocator that knows its blocks leaves a doubt, which a claim may settle.
      const auto in_pool = judge.block(first, 16);
      REQUIRE(in_pool.has_value());
      CHECK(in_pool->doubtful == too_many);
      CHECK(judge.name(judge.block(first, 24, false)) == (too_many ? "none" : "object"));
    }
    if (layout->traits.immortal_refcount != 0) {
      heap.header(first, heap.type("object"), layout->traits.immortal_refcount);
      Judge judge(heap);
      CHECK(judge.name(judge.block(first, 24, false)) == "object");
    }
  }
}

TEST_CASE("a plain object of fixed size fills the block it would have got") {
  for (const auto* layout : gil_layouts()) {
    for (const std::uint32_t alignment : layout->traits.pymalloc_alignments) {
      for (const std::uint32_t size : {24U, 32U, 40U}) {
        INFO(layout->name << ", alignment " << alignment << ", size " << size);
        HeapBuilder heap(*layout, Options{0, 0, alignment});
        const Address type = heap.add_static_type("app.Plain", {0, size});
        const Address instance = heap.object(type, size);
        heap.block(size);  // so that there are bytes behind it
        heap.block(size);
        Judge judge(heap);
        const std::uint64_t own = block_bytes(heap, size);
        CHECK(judge.name(judge.block(instance, own)) == "app.Plain");
        CHECK(judge.name(judge.block(instance, own + 16)) == "none");
        // A chunk's user has 8 bytes more than a multiple of 16, and 16 more where malloc found
        // one from which nothing could be cut.
        const std::uint64_t usable = (size + 8U + 15U) / 16 * 16 - 8;
        CHECK(judge.name(judge.block(instance, usable, false)) == "app.Plain");
        CHECK(judge.name(judge.block(instance, usable + 16, false)) == "app.Plain");
        CHECK(judge.name(judge.block(instance, usable + 32, false)) == "none");
      }
    }
  }
}

TEST_CASE("an object that does not fit its block is none") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address tuple = heap.tuple({heap.integer(1), heap.integer(2)});
    const Address text = heap.identifier("eleven char");
    const std::uint32_t head = heap.gc_head_bytes;
    const std::uint64_t whole = head + layout->tuple.items.offset + 16U;
    {
      Judge judge(heap);
      CHECK(judge.name(judge.block(tuple - head, whole)) == "tuple");
      CHECK(judge.name(judge.block(tuple - head, whole - 8)) == "none");
      CHECK(judge.name(judge.block(tuple - head, head + 8U)) == "none");
      CHECK(judge.name(judge.block(text, 16)) == "none");
      CHECK_FALSE(judge.classifier.classify({}, tuple, true).has_value());
    }
    for (const std::uint64_t size : {3ULL, 1ULL << 44, ~0ULL, 1ULL << 63}) {
      heap.store(tuple, layout->tuple.size, size);
      Judge judge(heap);
      CHECK(judge.name(judge.block(tuple - head, whole)) == "none");
    }
  }
}

TEST_CASE("GC objects need links in front that could be links") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder sound(*layout);
    const Address list = sound.list({});
    const std::uint32_t head = sound.gc_head_bytes;
    const auto judged = [&](std::uint64_t next, std::uint64_t prev, std::int64_t state = -3) {
      HeapBuilder heap = sound;
      heap.word(list - head, next);
      heap.word(list - head + 8, prev);
      if (layout->traits.gc_refs_in_head) {
        heap.store(list - head, layout->gc_head.refs, heap.gc_state(state));
      }
      Judge judge(heap);
      return judge.name(judge.block(list - head, block_bytes(heap, head + 40U)));
    };
    CHECK(judged(0x7f0000001000, 0x7f0000002000) == "list");
    // Heads lie at multiples of 4 (one distribution's list heads do), flags are below that.
    CHECK(judged(0x7f0000001004, 0x7f0000002000) == "list");
    CHECK(judged(0x7f0000001002, 0x7f0000002000) ==
          (layout->traits.gc_link_mask == ~std::uint64_t{0} ? "none" : "list"));
    CHECK(judged(0xdeadbeefdeadbeef, 0x7f0000002000) == "none");
    CHECK(judged(0x7f0000001000, ~0ULL) == "none");
    CHECK(judged(16, 0x7f0000002000) == "none");
    if (layout->traits.gc_link_mask != ~std::uint64_t{0}) {
      // Flags in the low bits are no part of the link; an untracked object's prev is anything.
      CHECK(judged(0x7f0000001001, 0x7f0000002003) == "list");
      CHECK(judged(0, ~0ULL) == "list");
    }
    if (layout->traits.gc_refs_in_head) {
      // What was never tracked has links of whatever was there before, and a state is a small
      // number.
      CHECK(judged(~0ULL, 0x1234567, -2) == "list");
      CHECK(judged(0x7f0000001000, 0x7f0000002000, 5) == "list");
      CHECK(judged(0x7f0000001000, 0x7f0000002000, -100) == "none");
      CHECK(judged(0x7f0000001000, 0x7f0000002000, 0x3fff00001000) == "none");
    }
  }
}

TEST_CASE("static objects stand alone, tables of types do not count as any") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address none = heap.static_memory(64);
    const std::uint32_t immortal = layout->traits.immortal_refcount;
    heap.header(none, heap.type("object"), immortal != 0 ? immortal : 1);
    const Address table = heap.static_memory(64);
    for (int i = 0; i < 8; ++i) heap.word(table + 8 * i, heap.type("list").value);
    const Address dead = heap.static_memory(64);
    heap.header(dead, heap.type("object"), 0);
    // A pointer below 4 GiB in front of a type: what looks like its refcount would not be immortal.
    const Address pair = heap.static_memory(64);
    heap.header(pair, heap.type("int"), 0x25985530);
    Judge judge(heap);
    const auto judged = [&](Address at) {
      const auto verdict = judge.classifier.classify_static(
          judge.world.image.space.bytes_up_to(at, 4096), at, StaticHome::interpreter);
      return judge.name(verdict);
    };
    CHECK(judged(none) == "object");
    CHECK(judged(heap.type_type) == "type");
    CHECK(judged(heap.type("dict")) == "type");
    CHECK(judged(table) == "none");
    CHECK(judged(dead) == "none");
    CHECK(judged(pair) == (immortal != 0 ? "none" : "int"));
    CHECK_FALSE(judge.classifier.classify_static({}, none, StaticHome::interpreter).has_value());
  }
}

TEST_CASE(
    "a version of a dict beside the value found in it is no object that begins with a count") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    constexpr std::uint64_t kVersion = 740892;
    const Address type = heap.add_static_type("app.Zone", {0, 32});
    // {version, value}, {version, type}, {version, value}
    const Address cache = heap.static_memory(96);
    for (int i = 0; i < 3; ++i) heap.word(cache + 16 * i, kVersion);
    heap.word(cache + 24, type.value);
    const Address last = heap.static_memory(96);
    heap.word(last, kVersion);
    heap.header(last + 16, type, kVersion);
    const Address object = heap.static_memory(96);
    heap.header(object, type, kVersion);
    heap.word(object + 16, kVersion + 1);
    Judge judge(heap);
    const auto judged = [&](Address at) {
      return judge.name(judge.classifier.classify_static(
          judge.world.image.space.bytes_up_to(at, 64), at, StaticHome::interpreter));
    };
    CHECK(judged(cache + 16) == "none");
    CHECK(judged(last + 16) == "none");
    CHECK(judged(object) == "app.Zone");
  }
}

TEST_CASE("numpy's plain dtypes are static, and begin with the type of their scalars") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address dtype = heap.add_static_type("numpy.dtype", {0, 96});
    const Address other = heap.add_static_type("app.Descriptor", {0, 96});
    const auto made = [&](Address type) {
      const Address at = heap.static_memory(96);
      heap.header(at, type, 13);
      heap.word(at + 16, heap.type("list").value);
      return at;
    };
    const Address plain = made(dtype);
    const Address no_dtype = made(other);
    Judge judge(heap);
    const auto judged = [&](Address at) {
      return judge.name(judge.classifier.classify_static(
          judge.world.image.space.bytes_up_to(at, 96), at, StaticHome::interpreter));
    };
    CHECK(judged(plain) == "numpy.dtype");
    CHECK(judged(no_dtype) == "none");
  }
}

TEST_CASE("a variable for a class is no object of it, a compiled-in object beside one is") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address type = heap.add_static_type("app.Empty", {0, layout->object.struct_size});
    const auto made = [&](std::uint64_t refcount) {
      const Address at = heap.static_memory(64);
      heap.header(at, type, refcount);
      heap.word(at + 16, heap.type("list").value);
      return at;
    };
    const auto& traits = layout->traits;
    const Address variable = made(4);
    const Address compiled_in = made(traits.immortal_refcount != 0
                                         ? traits.immortal_refcount
                                         : static_cast<std::uint64_t>(traits.compiled_in_refcount));
    Judge judge(heap);
    const auto judged = [&](Address at) {
      return judge.name(judge.classifier.classify_static(
          judge.world.image.space.bytes_up_to(at, 64), at, StaticHome::interpreter));
    };
    CHECK(judged(variable) == "none");
    if (traits.immortal_refcount != 0 || traits.compiled_in_refcount != 0) {
      CHECK(judged(compiled_in) == "app.Empty");
    }
  }
}

TEST_CASE("a block that begins with two types is a table, no object of the second") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address type = heap.add_static_type("app.Moment", {0, 48});
    const Address object = heap.object(type, 48);
    const Address table = heap.block(48);
    heap.word(table, heap.type("dict").value);
    heap.word(table + 8, type.value);
    Judge judge(heap);
    const auto judged = [&](Address at) {
      return judge.name(judge.classifier.classify(judge.world.image.space.bytes(at, 48), at, true));
    };
    CHECK(judged(object) == "app.Moment");
    CHECK(judged(table) == "none");
  }
}

TEST_CASE("an address in a low heap is no count from where compiled-in objects begin") {
  for (const auto* layout : gil_layouts()) {
    const auto initial = static_cast<std::uint64_t>(layout->traits.compiled_in_refcount);
    if (initial == 0) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address type = heap.add_static_type("app.Zone", {0, 32});
    const std::uint64_t far = initial + (std::uint64_t{64} << 20);
    heap.memory.add_region(Address{far & ~std::uint64_t{4095}}, 4096,
                           image::MappingKind::anonymous);
    const auto made = [&](std::uint64_t word) {
      const Address at = heap.static_memory(96);
      heap.header(at, type, word);
      return at;
    };
    const Address address = made(far & ~std::uint64_t{15});
    const Address odd = made((far & ~std::uint64_t{15}) + 1);
    const Address unmapped = made(far + (std::uint64_t{64} << 20));
    const Address near = made(initial + 1000);
    Judge judge(heap);
    const auto judged = [&](Address at, StaticHome home) {
      return judge.name(
          judge.classifier.classify_static(judge.world.image.space.bytes_up_to(at, 64), at, home));
    };
    CHECK(judged(address, StaticHome::interpreter) == "none");
    CHECK(judged(address, StaticHome::extension) == "none");
    CHECK(judged(odd, StaticHome::interpreter) == "app.Zone");
    CHECK(judged(odd, StaticHome::extension) == "none");
    CHECK(judged(unmapped, StaticHome::interpreter) == "app.Zone");
    CHECK(judged(near, StaticHome::interpreter) == "app.Zone");
  }
}

TEST_CASE("a name and its class in the cache of attributes are no compiled-in object") {
  for (const auto* layout : gil_layouts()) {
    const auto initial = static_cast<std::uint64_t>(layout->traits.compiled_in_refcount);
    if (initial == 0) continue;
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const Address type = heap.add_static_type("app.Zone", {0, 32});
    // As near to the first count as a heap at a low address may lie.
    const Address page = Address{initial + (std::uint64_t{1} << 20)}.aligned_down(4096);
    heap.memory.add_region(page, 4096, image::MappingKind::anonymous);
    const Address name = page + 64;
    heap.header(name, heap.type("str"));
    heap.boot();
    const Address cached = heap.interpreter + layout->interpreter.type_cache.offset + 8;
    heap.header(cached, type, name.value);
    // The usual count, taken for an address, leads to a str by chance.
    const Address counted = heap.static_memory(96);
    heap.header(counted, type, name.value);
    Judge judge(heap);
    const auto judged = [&](Address at) {
      return judge.name(judge.classifier.classify_static(
          judge.world.image.space.bytes_up_to(at, 64), at, StaticHome::interpreter));
    };
    CHECK(judged(cached) == "none");
    CHECK(judged(counted) == "app.Zone");
  }
}

TEST_CASE(
    "an int whose count is an address is a variable for a type, a bool may well have so many") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    constexpr std::uint64_t kCount = 0x25985530;
    HeapBuilder heap(*layout);
    if (!layout->traits.unicode_compact) continue;  // 2.7's are of another shape
    heap.memory.add_region(Address{kCount & ~std::uint64_t{4095}}, 4096,
                           image::MappingKind::anonymous);
    const bool immortal = layout->traits.immortal_refcount != 0;
    const Address number = heap.static_memory(64);
    heap.header(number, heap.type("int"), kCount);
    const auto& flags = layout->traits.type_flags;
    const Address type = heap.add_static_type(
        "bool", {flags.long_subclass, layout->long_int.digits.offset, 4, heap.type("int")});
    const Address word = type + layout->type.flags.offset;
    heap.word(word, heap.memory.read<std::uint64_t>(word) & ~flags.base_type);
    const Address truth = heap.static_memory(64);
    heap.header(truth, type, kCount);
    Judge judge(heap);
    const auto judged = [&](Address at) {
      return judge.name(judge.classifier.classify_static(
          judge.world.image.space.bytes_up_to(at, 64), at, StaticHome::interpreter));
    };
    CHECK(judged(number) == "none");
    CHECK(judged(truth) == (immortal ? "none" : "bool"));
  }
}

TEST_CASE("a float in an extension's data is an entry of a table") {
  for (const auto* layout : gil_layouts()) {
    INFO(layout->name);
    HeapBuilder heap(*layout);
    const std::uint32_t immortal = layout->traits.immortal_refcount;
    const Address number = heap.static_memory(64);
    heap.header(number, heap.type("float"), immortal != 0 ? immortal : 1);
    Judge judge(heap);
    const auto judged = [&](StaticHome home) {
      return judge.name(judge.classifier.classify_static(
          judge.world.image.space.bytes_up_to(number, 64), number, home));
    };
    CHECK(judged(StaticHome::interpreter) == "float");
    CHECK(judged(StaticHome::extension) == "none");
  }
}

TEST_CASE("without a type there is no object") {
  HeapBuilder heap(layout_of(3, 11));
  World world(heap);
  const python::TypeTable none;
  ObjectClassifier classifier(world.image.space, world.runtime, none, 16);
  const auto zeros = world.image.space.bytes(kLoose, 64);
  CHECK_FALSE(classifier.classify(zeros, kLoose, true).has_value());
  CHECK_FALSE(classifier.classify_static(zeros, kLoose, StaticHome::interpreter).has_value());
}

}  // namespace
