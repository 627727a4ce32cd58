#include "heapparse/python/types/numpy.h"

#include <fmt/format.h>

#include <algorithm>

#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/long_int.h"
#include "heapparse/python/types/tuple.h"

namespace coreheap::python {
namespace {

namespace numpy = layouts;

constexpr std::size_t kMaxBases = 256;
constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 47;
// What one item may be made of; numpy itself refuses items of 2 GiB.
constexpr std::size_t kMostParts = 1 << 16;

// At most kMostBytes: what is broadcast may have more items than there is memory.
std::uint64_t product(std::uint64_t a, std::uint64_t b) {
  std::uint64_t out = 0;
  return __builtin_mul_overflow(a, b, &out) ? kMostBytes : std::min(out, kMostBytes);
}

// int_value of the item of a tuple.
std::optional<std::uint64_t> number_at(Decoder& decoder, const TupleView& tuple, std::uint64_t i) {
  const auto item = decoder.memory().read_address(tuple.items + i * 8);
  const auto number = item ? int_value(decoder.reader(), *item) : std::nullopt;
  if (!number || *number < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*number);
}

// Items of a subarray; nullopt when its shape cannot be read.
std::optional<std::uint64_t> subarray_items(Decoder& decoder, Address shape) {
  const auto object = decoder.object(shape);
  if (!object) return std::nullopt;
  if (object->type->shape != Shape::tuple) return std::nullopt;
  const auto tuple = view_tuple(decoder.reader(), shape);
  if (!tuple || tuple->size > numpy::kNumpyMostDimensions) return std::nullopt;
  std::uint64_t items = 1;
  for (std::uint64_t i = 0; i < tuple->size; ++i) {
    const auto count = number_at(decoder, *tuple, i);
    if (!count || *count > kMostParts) return std::nullopt;
    items *= *count;
    if (items > kMostParts) return std::nullopt;
  }
  return items;
}

}  // namespace

const PythonType& numpy_root(const Decoder& decoder, const PythonType& type) {
  const PythonType* at = &type;
  for (std::size_t i = 0; i < kMaxBases; ++i) {
    const PythonType* base = decoder.type_at(at->base);
    if (base == nullptr || base->shape != type.shape) break;
    at = base;
  }
  return *at;
}

std::optional<NumpyDescrView> view_numpy_descr(Decoder& decoder, Address descr) {
  const auto object = decoder.object(descr);
  if (!object || object->type->shape != Shape::numpy_descr) return std::nullopt;
  const std::uint32_t base_size = numpy_root(decoder, *object->type).basicsize;
  const auto* layout =
      std::find_if(numpy::kNumpyDescrs.begin(), numpy::kNumpyDescrs.end(),
                   [&](const numpy::NumpyDescr& one) { return one.base_size == base_size; });
  if (layout == numpy::kNumpyDescrs.end()) return std::nullopt;
  ObjectReader& reader = decoder.reader();
  const auto kind = reader.word(descr, layout->kind);
  const auto order = reader.word(descr, layout->byte_order);
  const auto number = reader.word(descr, layout->type_number);
  const auto flags = reader.word(descr, layout->flags);
  const auto bytes = reader.signed_word(descr, layout->item_bytes);
  if (!kind || !order || !number || !flags || !bytes || *bytes < 0 ||
      static_cast<std::uint64_t>(*bytes) >= kMostBytes) {
    return std::nullopt;
  }
  NumpyDescrView view;
  view.address = descr;
  view.layout = layout;
  // A dtype of the newer kind (numpy 2's StringDType) is as large, but has fields of its own there.
  view.has_fields =
      object->type->basicsize >= layout->legacy_size &&
      (layout->legacy_size == layout->base_size || *number < numpy::kNumpyFirstNewKind);
  view.kind = static_cast<char>(*kind);
  view.byte_order = static_cast<char>(*order);
  view.type_number = static_cast<std::uint32_t>(*number);
  view.item_bytes = static_cast<std::uint64_t>(*bytes);
  view.holds_objects = (*flags & numpy::kNumpyHoldsObjects) != 0;
  return view;
}

std::string numpy_descr_text(Decoder& decoder, const NumpyDescrView& descr) {
  std::string_view word;
  switch (descr.kind) {
    case 'b':
      return "bool";
    case 'O':
      return "object";
    case 'S':
    case 'V':
      return fmt::format("{}{}", descr.kind, descr.item_bytes);
    case 'U':
      return fmt::format("{}U{}", descr.byte_order == '>' ? ">" : "", descr.item_bytes / 4);
    case 'i':
      word = "int";
      break;
    case 'u':
      word = "uint";
      break;
    case 'f':
      word = "float";
      break;
    case 'c':
      word = "complex";
      break;
    case 'M':
      word = "datetime";
      break;
    case 'm':
      word = "timedelta";
      break;
    default:
      return fmt::format("{}{}", descr.kind >= ' ' && descr.kind < 0x7f ? descr.kind : '?',
                         descr.item_bytes);
  }
  std::string unit;
  ObjectReader& reader = decoder.reader();
  if (descr.kind == 'M' || descr.kind == 'm') {
    const auto about =
        descr.has_fields ? reader.pointer(descr.address, descr.layout->c_metadata) : std::nullopt;
    const auto counted = about ? reader.word(*about, numpy::kNumpyTimeUnit) : std::nullopt;
    const auto times = about ? reader.word(*about, numpy::kNumpyTimeCount) : std::nullopt;
    if (counted && times && *counted < numpy::kNumpyTimeUnits.size()) {
      unit = fmt::format("[{}{}]", *times == 1 ? "" : std::to_string(*times),
                         numpy::kNumpyTimeUnits[*counted]);
    }
  }
  if (descr.byte_order == '>') return fmt::format(">{}{}{}", descr.kind, descr.item_bytes, unit);
  return fmt::format("{}{}{}", word, descr.item_bytes * 8, unit);
}

std::optional<NumpyArrayView> view_numpy_array(Decoder& decoder, const Object& array) {
  ObjectReader& reader = decoder.reader();
  const auto& f = numpy::kNumpyArray;
  const Address a = array.address;
  const auto dimensions = reader.word(a, f.dimension_count);
  const auto flags = reader.word(a, f.flags);
  const auto descr = reader.pointer(a, f.descr);
  if (!dimensions || !flags || !descr || *dimensions > numpy::kNumpyMostDimensions) {
    return std::nullopt;
  }
  const auto item = view_numpy_descr(decoder, *descr);
  if (!item) return std::nullopt;
  NumpyArrayView view;
  view.data = reader.pointer(a, f.data).value_or(Address{});
  view.base = reader.pointer(a, f.base).value_or(Address{});
  view.descr = *item;
  view.owns_data = (*flags & numpy::kNumpyOwnsData) != 0;
  view.c_order = (*flags & numpy::kNumpyCOrder) != 0;
  view.f_order = (*flags & numpy::kNumpyFOrder) != 0;
  view.items = 1;
  if (*dimensions != 0) {
    const auto table = reader.pointer(a, f.dimensions);
    if (!table) return std::nullopt;
    view.dimensions = *table;
    bool empty = false;
    for (std::uint64_t i = 0; i < *dimensions; ++i) {
      const auto length = decoder.memory().read<std::int64_t>(*table + i * 8);
      if (!length || *length < 0 || static_cast<std::uint64_t>(*length) >= kMostBytes) {
        return std::nullopt;
      }
      view.shape.push_back(static_cast<std::uint64_t>(*length));
      empty = empty || *length == 0;
      view.items = product(view.items, view.shape.back());
    }
    if (empty) view.items = 0;
  }
  view.data_bytes = product(view.items, view.descr.item_bytes);
  if (view.data_bytes >= kMostBytes && view.owns_data) return std::nullopt;
  return view;
}

std::string numpy_array_text(Decoder& decoder, const NumpyArrayView& array) {
  std::string text = numpy_descr_text(decoder, array.descr);
  if (array.shape.empty()) return text + " scalar";
  text += ' ';
  for (std::size_t i = 0; i < array.shape.size(); ++i) {
    if (i != 0) text += 'x';
    text += std::to_string(array.shape[i]);
  }
  return text;
}

std::vector<std::uint64_t> numpy_object_places(Decoder& decoder, const NumpyDescrView& descr) {
  std::vector<std::uint64_t> places;
  if (!descr.holds_objects) return places;
  struct Part {
    Address descr;
    std::uint64_t at = 0;
  };
  std::vector<Part> open{{descr.address, 0}};
  ObjectReader& reader = decoder.reader();
  // Fields may overlap and be shared, but not hold themselves; damaged ones may.
  for (std::size_t steps = 0; !open.empty() && steps < kMostParts; ++steps) {
    const Part part = open.back();
    open.pop_back();
    const auto view = view_numpy_descr(decoder, part.descr);
    if (!view || !view->holds_objects) continue;
    if (part.at >= descr.item_bytes || view->item_bytes > descr.item_bytes - part.at) continue;
    if (view->type_number == numpy::kNumpyObject) {
      places.push_back(part.at);
      continue;
    }
    if (!view->has_fields) continue;
    if (const auto table = reader.pointer(part.descr, view->layout->subarray)) {
      const auto of = reader.pointer(*table, numpy::kNumpySubarray.base);
      const auto shape = reader.pointer(*table, numpy::kNumpySubarray.shape);
      const auto item = of ? view_numpy_descr(decoder, *of) : std::nullopt;
      const auto count = item && shape ? subarray_items(decoder, *shape) : std::nullopt;
      for (std::uint64_t i = 0; count && i < *count && open.size() < kMostParts; ++i) {
        open.push_back({*of, part.at + i * item->item_bytes});
      }
      continue;
    }
    const auto fields = reader.pointer(part.descr, view->layout->fields);
    const auto dict = fields ? decoder.object(*fields) : std::nullopt;
    // Since 1.x a dict; wrapped only where Python sees it.
    const auto entries =
        dict && dict->type->shape == Shape::dict ? view_dict(reader, *fields) : std::nullopt;
    if (!entries) continue;
    for_each_entry(reader, *entries, [&](std::uint64_t, Address, Address value) {
      const auto held = decoder.object(value);
      if (open.size() >= kMostParts) return false;
      if (!held || held->type->shape != Shape::tuple) return true;
      const auto tuple = view_tuple(reader, value);
      if (!tuple || tuple->size < 2) return true;
      const auto field = decoder.memory().read_address(tuple->items);
      const auto at = number_at(decoder, *tuple, 1);
      if (field && at && *at < descr.item_bytes) open.push_back({*field, part.at + *at});
      return true;
    });
  }
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  return places;
}

}  // namespace coreheap::python
