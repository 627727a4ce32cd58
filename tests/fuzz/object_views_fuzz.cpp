// Every view of every type at every aligned place of hostile memory, by every layout (free-threaded
// and debug ones too). The input is the memory; some of its words become pointers into it, so that
// the fuzzer need not guess addresses. Checked besides crashes: that iterations stay within what a
// view promised, and that no text is longer than was asked for.
//
// A fuzzer gets further with many small runs: there the input chooses a few places and one table of
// rules, a hundredth of the work. A replay looks everywhere, so what a fuzzer found it finds too.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <tuple>
#include <vector>

#include "heapparse/python/owned_buffers.h"
#include "heapparse/python/references.h"
#include "heapparse/python/shallow_size.h"
#include "heapparse/python/type_rules.h"
#include "heapparse/python/type_table.h"
#include "heapparse/python/types/array.h"
#include "heapparse/python/types/bytearray.h"
#include "heapparse/python/types/bytes.h"
#include "heapparse/python/types/deque.h"
#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/instance.h"
#include "heapparse/python/types/list.h"
#include "heapparse/python/types/long_int.h"
#include "heapparse/python/types/module.h"
#include "heapparse/python/types/odict.h"
#include "heapparse/python/types/set.h"
#include "heapparse/python/types/str.h"
#include "heapparse/python/types/tuple.h"
#include "heapparse/python/types/type_object.h"
#include "heapparse/python/value.h"

namespace {

using namespace coreheap;
using namespace coreheap::python;

constexpr Address kBase{0x7f0000001000};
constexpr std::size_t kMostBytes = 4096;
#ifdef COREHEAP_FUZZ
constexpr bool kEverywhere = false;
#else
constexpr bool kEverywhere = true;
#endif

void require(bool condition) {
  if (!condition) std::abort();
}

void look_at(ObjectReader& reader, Address at) {
  reader.header(at);
  if (const auto v = view_str(reader, at)) {
    require(v->char_bytes == 1 || v->char_bytes == 2 || v->char_bytes == 4);
    const auto text = str_text(reader, at, 50);
    require(!text || text->size() <= 200);
  }
  const auto name = name_text(reader, at, 20);
  require(!name || name->size() <= 80);
  if (const auto v = view_dict(reader, at)) {
    require(v->keys.entry_count <= v->keys.capacity);
    std::uint64_t items = 0;
    // The table may claim to be larger than memory.
    for_each_item(reader, *v, [&](Address key, Address) { return !!key && ++items <= kMostBytes; });
    require(items <= v->keys.entry_count && items < kMostBytes);
  }
  if (const auto v = view_dict_keys(reader, at)) require(v->table_bytes >= v->capacity);
  if (const auto v = view_list(reader, at)) require(v->size <= v->allocated);
  if (const auto v = view_set(reader, at)) require(v->used <= v->slots);
  if (const auto v = view_type(reader, at)) require(v->basicsize < (1U << 30));
  view_tuple(reader, at);
  view_bytes(reader, at);
  view_bytearray(reader, at);
  view_array(reader, at);
  view_long(reader, at);
  long_value(reader, at);
  module_dict(reader, at);
  managed_attributes(reader, at);
  values_block(reader, at);
  heap_type_name(reader, at);
  owned_c_name(reader, at);
  cached_keys(reader, at);
  type_of_types_size(reader.memory().space(), reader.layout(), at);
  if (const auto v = view_deque(reader, at)) {
    std::uint64_t blocks = 0;
    for_each_block(reader, *v, [&](Address) { ++blocks; });
    require(blocks <= v->size / 32 + 2 && blocks < kMostBytes);
  }
  if (const auto v = view_odict(reader, at)) {
    std::uint64_t nodes = 0;
    for_each_node(reader, *v, [&](Address) { ++nodes; });
    require(nodes <= v->used && nodes < kMostBytes);
  }
}

// Types whose values are shown, at places that words of the input can point to.
TypeTable value_types(const layouts::Layout& layout) {
  std::vector<PythonType> types;
  for (const char* name :
       {"NoneType",   "bool",      "bytearray", "bytes", "complex", "dict",   "float",
        "frozendict", "frozenset", "int",       "list",  "long",    "range",  "set",
        "slice",      "str",       "tuple",     "type",  "unicode", "xrange", "Class"}) {
    PythonType type;
    type.address = kBase + 64 * types.size();
    type.name = name;
    type.is_static = type.name != "Class";
    type.is_class = !type.is_static;
    type.flags = layout.traits.type_flags.dict_subclass;
    type.dictoffset = type.is_class ? 16 : 0;
    type.basicsize = 32;
    if (!layout.traits.unicode_compact && type.name == "str") type.shape = Shape::bytes;
    if (!layout.traits.unicode_compact && type.name == "int") type.shape = Shape::int_2;
    types.push_back(std::move(type));
  }
  // Arrays, and dtypes of both forms.
  for (const auto& [name, shape, bytes] : {std::tuple{"numpy.ndarray", Shape::numpy_array, 96U},
                                           std::tuple{"numpy.dtype", Shape::numpy_descr, 96U},
                                           std::tuple{"numpy.dtype", Shape::numpy_descr, 88U}}) {
    PythonType type;
    type.address = kBase + 64 * types.size();
    type.name = name;
    type.shape = shape;
    type.is_static = true;
    type.basicsize = bytes;
    type.layers = {{TypeLayer::Kind::rules, find_type_rules(name), 0, 0, bytes}};
    types.push_back(std::move(type));
  }
  TypeTable table;
  table.build(std::move(types));
  return table;
}

// By place of the layout in layouts::all(): made once.
const TypeTable& shown_types(std::size_t layout) {
  static std::map<std::size_t, TypeTable> made;
  const auto found = made.find(layout);
  if (found != made.end()) return found->second;
  return made.emplace(layout, value_types(*layouts::all()[layout])).first->second;
}

// Places to look at, by their number of words.
std::vector<std::size_t> places(const std::uint8_t* data, std::size_t size, std::size_t words) {
  std::vector<std::size_t> out;
  if (kEverywhere) {
    for (std::size_t i = 0; i < words; ++i) out.push_back(i);
    return out;
  }
  // The last bytes choose, so that what they choose can grow in front of them.
  out.push_back(0);
  for (std::size_t i = 1; i <= 4 && i < size; ++i) out.push_back(data[size - i] * words / 256);
  return out;
}

void look_at_value(Decoder& decoder, Address at) {
  constexpr std::uint64_t kMost = 300;
  if (const auto object = decoder.object(at); object && !object->type->layers.empty()) {
    std::uint64_t edges = 0;
    for_each_reference(decoder, *object, [&](const Reference&) { ++edges; });
    require(edges <= std::uint64_t{kMostBytes} * kMostBytes);
    for_each_owned_buffer(decoder, *object, [](const OwnedBuffer&) {});
    shallow_size(decoder, *object);
  }
  for (const bool attributes : {false, true}) {
    ValueOptions options = ValueOptions::of_chars(kMost);
    options.attributes = attributes;
    const std::string text = value_text(decoder, at, options);
    require(!text.empty() && text.size() <= kMost);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 16) return 0;
  const auto all = layouts::all();
  const layouts::Layout& layout = *all[data[0] % all.size()];
  // Two pieces that do not touch: views meet the end of memory wherever they begin.
  const std::size_t bytes = (size < kMostBytes ? size : kMostBytes) / 8 * 8;
  std::vector<std::uint64_t> memory(bytes / 8);
  std::memcpy(memory.data(), data, bytes);
  for (auto& word : memory) {
    if (word >> 56 == 'P') word = kBase.value + (word & 0x1fff);
    if (word >> 56 == 'Q') word &= 0xff;
  }
  const std::size_t half = memory.size() / 2;
  const auto* start = reinterpret_cast<const std::byte*>(memory.data());
  const Address second = kBase + 0x1000;
  const image::AddressSpace space(
      {{{kBase, kBase + 8 * half}, start},
       {{second, second + 8 * (memory.size() - half)}, start + 8 * half}},
      {{kBase, second + 0x1000}});
  ObjectReader reader(space, layout);
  // Every rule of every table is tried on every address, whatever lies there.
  Runtime runtime;
  runtime.layout = &layout;
  // Layers name a type of the table: there is one.
  TypeTable types;
  PythonType only;
  only.address = kBase;
  types.build({only});
  Decoder decoder(space, runtime, types);
  Decoder value_decoder(space, runtime, shown_types(data[0] % all.size()));
  PythonType type;
  type.flags = data[1] % 2 != 0 ? layout.traits.type_flags.managed_dict : 0;
  type.is_gc = true;
  type.basicsize = 16U + data[2];
  type.itemsize = data[3] % 16;
  const auto tables = all_type_rules();
  for (const std::size_t i : places(data, size, memory.size())) {
    const Address at = i < half ? kBase + 8 * i : second + 8 * (i - half);
    look_at(reader, at);
    look_at_value(value_decoder, at);
    if (kEverywhere && i != 0 && data[i] % 4 != 0) continue;
    for (std::size_t t = 0; t < tables.size(); ++t) {
      if (!kEverywhere && t != data[4] % tables.size()) continue;
      for (const TypeRules& rules : tables[t]) {
        type.layers = {{TypeLayer::Kind::rules, &rules, 0, 0, type.basicsize}};
        const Object object{at, &type};
        for_each_owned_buffer(decoder, object, [](const OwnedBuffer&) {});
        for_each_reference(decoder, object,
                           [&](const Reference& r) { edge_text(decoder, r.name); });
        shallow_size(decoder, object);
      }
    }
    type.layers = {{TypeLayer::Kind::python, nullptr, 0, 16, type.basicsize},
                   {TypeLayer::Kind::unknown, nullptr, 0, 16, type.basicsize}};
    for_each_reference(decoder, {at, &type}, [](const Reference&) {});
  }
  look_at(reader, Address{});
  look_at(reader, Address{~std::uint64_t{0} - 7});
  return 0;
}
