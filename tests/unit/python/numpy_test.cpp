// numpy's arrays and dtypes in both forms of dtype: what they are, whose their data are, which
// objects lie in them; and damaged ones, of which nothing is said.
#include "heapparse/python/types/numpy.h"

#include <set>

#include "heapparse/python/items.h"
#include "heapparse/python/owned_buffers.h"
#include "heapparse/python/references.h"
#include "heapparse/python/shallow_size.h"
#include "heapparse/python/value.h"
#include "tests/unit/catch.h"
#include "tests/unit/python/heap_builder.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;
using layouts::kNumpyArray;
using layouts::kNumpyDescrs;
using layouts::NumpyDescr;
using synthetic::gil_layouts;
using synthetic::HeapBuilder;
using synthetic::Read;

constexpr std::uint32_t kFloat = 12;  // NPY_DOUBLE
constexpr std::uint32_t kVoid = 20;   // NPY_VOID

// numpy as far as memory shows it.
struct Numpy {
  Numpy(const layouts::Layout& layout, const NumpyDescr& dtypes, std::uint64_t array_size = 96)
      : heap(layout), form(dtypes), array_bytes(array_size) {
    array_type = heap.add_static_type("numpy.ndarray", {0, array_size});
    dtype = heap.add_static_type("numpy.dtype", {0, form.base_size});
    kind_of_dtype = heap.add_static_type("numpy.dtype[x]", {0, form.legacy_size, 0, dtype});
    handler = heap.object(heap.type("object"), 16);
    number = heap.object(heap.type("object"), 16);
  }

  Address descr(char kind, std::uint32_t type, std::uint64_t bytes, bool objects = false) {
    const Address at = heap.object(kind_of_dtype, form.legacy_size);
    heap.store(at, form.kind, static_cast<std::uint64_t>(kind));
    heap.store(at, form.byte_order, '=');
    heap.store(at, form.type_number, type);
    heap.store(at, form.item_bytes, bytes);
    heap.store(at, form.flags, objects ? layouts::kNumpyHoldsObjects : 0);
    return at;
  }
  Address object_descr() { return descr('O', layouts::kNumpyObject, 8, true); }
  // {name: (descr, offset)}
  void set_fields(Address of, const std::vector<std::pair<Address, std::int64_t>>& fields) {
    HeapBuilder::Items items;
    for (const auto& [field, offset] : fields) {
      items.emplace_back(heap.identifier("f" + std::to_string(items.size())),
                         heap.tuple({field, heap.integer(offset)}));
    }
    heap.store(of, form.fields, heap.dict(items).value);
  }
  void set_subarray(Address of, Address base, const std::vector<std::int64_t>& shape) {
    std::vector<Address> lengths;
    lengths.reserve(shape.size());
    for (const std::int64_t one : shape) lengths.push_back(heap.integer(one));
    const Address table = heap.allocate(16);
    heap.store(table, layouts::kNumpySubarray.base, base.value);
    heap.store(table, layouts::kNumpySubarray.shape, heap.tuple(lengths).value);
    heap.store(of, form.subarray, table.value);
  }
  Address array(Address descr, const std::vector<std::int64_t>& shape, std::uint64_t data_bytes,
                Address type = {}, std::uint64_t bytes = 96) {
    const Address at = heap.object(type ? type : array_type, bytes);
    heap.store(at, kNumpyArray.dimension_count, shape.size());
    if (!shape.empty()) {
      const Address table = heap.allocate(16 * shape.size());
      for (std::size_t i = 0; i < shape.size(); ++i) {
        heap.word(table + 8 * i, static_cast<std::uint64_t>(shape[i]));
      }
      heap.store(at, kNumpyArray.dimensions, table.value);
    }
    heap.store(at, kNumpyArray.descr, descr.value);
    if (data_bytes != 0) {
      heap.store(at, kNumpyArray.data, heap.allocate(data_bytes).value);
      heap.store(at, kNumpyArray.flags, layouts::kNumpyOwnsData | layouts::kNumpyCOrder);
      if (array_bytes >= kNumpyArray.memory_handler.end()) {
        heap.store(at, kNumpyArray.memory_handler, handler.value);
      }
    }
    return at;
  }
  Address data_of(Address array) {
    return Address{heap.memory.read<std::uint64_t>(array + kNumpyArray.data.offset)};
  }
  Address dimensions_of(Address array) {
    return Address{heap.memory.read<std::uint64_t>(array + kNumpyArray.dimensions.offset)};
  }

  HeapBuilder heap;
  const NumpyDescr& form;
  std::uint64_t array_bytes;
  Address array_type, dtype, kind_of_dtype, handler, number;
};

using Edges = std::set<std::pair<std::string, Address>>;

struct Seen {
  Seen(Numpy& numpy, Address address) : read(numpy.heap), runtime(numpy.heap.runtime()) {
    JobControl job;
    auto found = find_types(read.image, runtime, {numpy.heap.malloc_heap()}, {}, job);
    REQUIRE(found.has_value());
    types = std::move(*found);
    Decoder decoder(read.image.space, runtime, types);
    const auto object = decoder.object(address);
    REQUIRE(object.has_value());
    for_each_reference(decoder, *object, [&](const Reference& one) {
      edges.emplace(edge_text(decoder, one.name), one.target);
    });
    for_each_owned_buffer(decoder, *object,
                          [&](const OwnedBuffer& one) { buffers.insert(one.start); });
    if (const auto size = shallow_size(decoder, *object)) bytes = size->bytes;
    length = length_of(decoder, *object);
    text = value_text(decoder, address);
    array = view_numpy_array(decoder, *object);
    if (array) kind = numpy_array_text(decoder, *array);
  }
  Read read;
  Runtime runtime;
  TypeTable types;
  Edges edges;
  std::set<Address> buffers;
  std::optional<std::uint64_t> bytes;
  std::optional<std::uint64_t> length;
  std::string text;
  std::optional<NumpyArrayView> array;
  std::string kind;
};

template <class Check>
void in_every_form(Check&& check) {
  for (const auto* layout : gil_layouts()) {
    for (const NumpyDescr& form : kNumpyDescrs) {
      INFO(layout->name << ", dtypes of " << form.base_size << " bytes");
      Numpy numpy(*layout, form);
      check(numpy);
    }
  }
}

TEST_CASE("an array owns its data and its dimensions, and says what it is of") {
  in_every_form([](Numpy& numpy) {
    const Address descr = numpy.descr('f', kFloat, 8);
    const Address array = numpy.array(descr, {3, 4}, 96);
    const Seen seen(numpy, array);
    CHECK(seen.kind == "float64 3x4");
    CHECK(seen.length == 3);
    CHECK(seen.bytes == 96U + 2 * 16 + 96);
    CHECK(seen.buffers == std::set<Address>{numpy.data_of(array), numpy.dimensions_of(array)});
    CHECK(seen.edges == Edges{{".dtype", descr}, {"._mem_handler", numpy.handler}});
    CHECK(seen.text.ends_with(" float64 3x4>"));

    const Seen scalar(numpy, numpy.array(descr, {}, 8));
    CHECK(scalar.kind == "float64 scalar");
    CHECK_FALSE(scalar.length.has_value());
  });
}

TEST_CASE("a view owns neither data nor the objects in them, only its base") {
  in_every_form([](Numpy& numpy) {
    const Address descr = numpy.object_descr();
    const Address owner = numpy.array(descr, {2}, 16);
    numpy.heap.word(numpy.data_of(owner), numpy.number.value);
    const Address view = numpy.array(descr, {2}, 0);
    numpy.heap.store(view, kNumpyArray.data, numpy.data_of(owner).value);
    numpy.heap.store(view, kNumpyArray.base, owner.value);
    const Seen seen(numpy, view);
    CHECK(seen.edges == Edges{{".dtype", descr}, {".base", owner}});
    CHECK(seen.buffers == std::set<Address>{numpy.dimensions_of(view)});
    CHECK(seen.bytes == 96U + 16);
    CHECK(seen.text.find(" object 2 of 0x") != std::string::npos);
    const Seen of_owner(numpy, owner);
    CHECK(of_owner.edges.contains({"[0]", numpy.number}));
  });
}

TEST_CASE("objects are found in fields, nested fields and subarrays, each by the item it is in") {
  in_every_form([](Numpy& numpy) {
    const Address object = numpy.object_descr();
    // {number, object}, and an outer one of {3 objects, that}.
    const Address inner = numpy.descr('V', kVoid, 12, true);
    numpy.set_fields(inner, {{numpy.descr('i', 5, 4), 0}, {object, 4}});
    const Address three = numpy.descr('V', kVoid, 24, true);
    numpy.set_subarray(three, object, {3});
    const Address outer = numpy.descr('V', kVoid, 36, true);
    numpy.set_fields(outer, {{three, 0}, {inner, 24}});
    const Address array = numpy.array(outer, {2, 1}, 72);
    const Address data = numpy.data_of(array);
    std::vector<Address> planted;
    Edges expected{{".dtype", outer}, {"._mem_handler", numpy.handler}};
    for (const std::uint64_t item : {0U, 1U}) {
      for (const std::uint64_t place : {0U, 8U, 16U, 28U}) {
        const Address one = numpy.heap.object(numpy.heap.type("object"), 16);
        numpy.heap.word(data + item * 36 + place, one.value);
        expected.emplace(".flat[" + std::to_string(item) + "]", one);
      }
    }
    CHECK(Seen(numpy, array).edges == expected);
    const Seen of_descr(numpy, three);
    CHECK(of_descr.edges.contains({".base", object}));
    CHECK(of_descr.buffers.size() == 1);
  });
}

TEST_CASE("1.19 counts ndarray's own size for instances of subclasses, later ones theirs") {
  for (const auto* layout : gil_layouts()) {
    for (const std::uint64_t of_array : {80U, 88U, 96U}) {
      INFO(layout->name << ", arrays of " << of_array << " bytes");
      Numpy numpy(*layout, kNumpyDescrs.front(), of_array);
      const Address own = numpy.heap.add_static_type("app.Own", {0, 104, 0, numpy.array_type});
      const Address array = numpy.array(numpy.descr('f', kFloat, 8), {2}, 16, own, 104);
      CHECK(Seen(numpy, array).bytes == (of_array == 80 ? 80U : 104U) + 16 + 16);
    }
  }
}

TEST_CASE("of what is no sound array nothing is said") {
  in_every_form([](Numpy& numpy) {
    const auto damaged = [&](auto&& damage) {
      const Address array = numpy.array(numpy.descr('f', kFloat, 8), {3, 4}, 96);
      damage(array);
      const Seen seen(numpy, array);
      CHECK_FALSE(seen.array.has_value());
      CHECK(seen.buffers.empty());
      CHECK_FALSE(seen.bytes.has_value());
      CHECK(seen.text.ends_with(">"));
    };
    HeapBuilder& heap = numpy.heap;
    damaged([&](Address a) { heap.store(a, kNumpyArray.dimension_count, 65); });
    damaged([&](Address a) { heap.store(a, kNumpyArray.dimensions, 0); });
    damaged([&](Address a) { heap.store(a, kNumpyArray.dimensions, 0x10); });
    damaged([&](Address a) { heap.word(numpy.dimensions_of(a), ~0ULL); });
    damaged([&](Address a) { heap.word(numpy.dimensions_of(a), 1ULL << 46); });
    damaged([&](Address a) { heap.store(a, kNumpyArray.descr, 0); });
    damaged([&](Address a) { heap.store(a, kNumpyArray.descr, numpy.number.value); });
    damaged([&](Address a) {
      const Address descr{heap.memory.read<std::uint64_t>(a + kNumpyArray.descr.offset)};
      heap.store(descr, numpy.form.item_bytes,
                 0x80000000ULL << (numpy.form.base_size == 88 ? 32 : 0));
    });
    // Broadcast, an array may have more items than memory: it owns none.
    const Address wide = numpy.array(numpy.descr('f', kFloat, 8), {1LL << 40, 1LL << 40}, 0);
    CHECK(Seen(numpy, wide).array.has_value());
  });
}

TEST_CASE("a dtype of numpy 2's newer kind has no fields where the older ones have theirs") {
  in_every_form([](Numpy& numpy) {
    const auto shows_fields = [&](std::uint32_t type_number) {
      const Address descr = numpy.descr('T', type_number, 16);
      numpy.heap.store(descr, numpy.form.fields, numpy.number.value);
      return Seen(numpy, descr).edges.contains({".fields", numpy.number});
    };
    const bool always = numpy.form.legacy_size == numpy.form.base_size;  // 1.x
    CHECK(shows_fields(kVoid));
    CHECK(shows_fields(layouts::kNumpyFirstNewKind) == always);
  });
}

TEST_CASE("a dtype that is part of itself ends") {
  in_every_form([](Numpy& numpy) {
    const Address ring = numpy.descr('V', kVoid, 16, true);
    numpy.set_fields(ring, {{ring, 0}, {ring, 0}, {numpy.object_descr(), 8}});
    const Address array = numpy.array(ring, {1}, 16);
    numpy.heap.word(numpy.data_of(array) + 8, numpy.number.value);
    CHECK(Seen(numpy, array).edges.contains({"[0]", numpy.number}));
    const Address self = numpy.descr('V', kVoid, 16, true);
    numpy.set_subarray(self, self, {2, 1 << 15});
    CHECK_FALSE(Seen(numpy, numpy.array(self, {1}, 16)).edges.contains({"[0]", numpy.number}));
  });
}

}  // namespace
