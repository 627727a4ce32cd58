// Lengths and items by the shape of the type.
#include "heapparse/python/items.h"

#include "heapparse/python/types/array.h"
#include "heapparse/python/types/bytearray.h"
#include "heapparse/python/types/bytes.h"
#include "heapparse/python/types/deque.h"
#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/list.h"
#include "heapparse/python/types/long_int.h"
#include "heapparse/python/types/numpy.h"
#include "heapparse/python/types/set.h"
#include "heapparse/python/types/str.h"
#include "heapparse/python/types/tuple.h"

namespace coreheap::python {
namespace {

template <class View>
std::optional<std::uint64_t> size_of(const View& view) {
  return view ? std::optional(view->size) : std::nullopt;
}

bool is_dict(const Object& object) {
  return object.type->shape == Shape::dict || object.type->shape == Shape::odict;
}

// 0 where a slot is empty.
std::optional<Address> word_at(Decoder& decoder, Address a) {
  const auto item = decoder.memory().read_address(a);
  return item && *item ? item : std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> length_of(Decoder& decoder, const Object& object) {
  ObjectReader& reader = decoder.reader();
  const Address a = object.address;
  switch (object.type->shape) {
    case Shape::str:
    case Shape::unicode_2:
      if (const auto view = view_str(reader, a)) return view->length;
      return std::nullopt;
    case Shape::bytes:
      return size_of(view_bytes(reader, a));
    case Shape::bytearray:
      return size_of(view_bytearray(reader, a));
    case Shape::tuple:
      return size_of(view_tuple(reader, a));
    case Shape::list:
      return size_of(view_list(reader, a));
    case Shape::deque:
      return size_of(view_deque(reader, a));
    case Shape::array:
      return size_of(view_array(reader, a));
    case Shape::numpy_array: {
      const auto view = view_numpy_array(decoder, object);
      if (!view || view->shape.empty()) return std::nullopt;
      return view->shape.front();
    }
    case Shape::dict:
    case Shape::odict:
      if (const auto view = view_dict(reader, a)) return view->used;
      return std::nullopt;
    case Shape::set:
      if (const auto view = view_set(reader, a)) return view->used;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<std::uint64_t> capacity_of(Decoder& decoder, const Object& object) {
  ObjectReader& reader = decoder.reader();
  const Address a = object.address;
  switch (object.type->shape) {
    case Shape::list:
      if (const auto view = view_list(reader, a)) return view->allocated;
      return std::nullopt;
    case Shape::array:
      if (const auto view = view_array(reader, a)) return view->allocated;
      return std::nullopt;
    case Shape::bytearray:
      if (const auto view = view_bytearray(reader, a)) return view->allocated;
      return std::nullopt;
    case Shape::dict:
    case Shape::odict:
      if (const auto view = view_dict(reader, a)) return view->keys.capacity;
      return std::nullopt;
    case Shape::set:
      if (const auto view = view_set(reader, a)) return view->slots;
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<Address> item_at(Decoder& decoder, const Object& object, std::int64_t index) {
  ObjectReader& reader = decoder.reader();
  const auto length = length_of(decoder, object);
  if (!length) return std::nullopt;
  if (index < 0) index += static_cast<std::int64_t>(*length);
  if (index < 0 || static_cast<std::uint64_t>(index) >= *length) return std::nullopt;
  const auto place = static_cast<std::uint64_t>(index);
  switch (object.type->shape) {
    case Shape::list: {
      const auto view = view_list(reader, object.address);
      return view ? word_at(decoder, view->items + place * 8) : std::nullopt;
    }
    case Shape::tuple: {
      const auto view = view_tuple(reader, object.address);
      return view ? word_at(decoder, view->items + place * 8) : std::nullopt;
    }
    case Shape::deque: {
      const auto view = view_deque(reader, object.address);
      if (!view) return std::nullopt;
      // The first block begins at left_index; the place is so many items further on.
      const std::uint64_t room = items_per_block(reader.layout());
      if (room == 0 || view->left_index >= room) return std::nullopt;
      const std::uint64_t from_first = view->left_index + place;
      std::uint64_t block_number = 0;
      std::optional<Address> found;
      for_each_block(reader, *view, [&](Address block) {
        if (block_number++ != from_first / room) return;
        found = word_at(decoder, block + (items_offset(reader.layout()) + from_first % room * 8));
      });
      return found;
    }
    default:
      return std::nullopt;
  }
}

std::optional<Address> item_under(Decoder& decoder, const Object& object, std::string_view key) {
  if (!is_dict(object)) return std::nullopt;
  const auto value = dict_lookup(decoder.reader(), object.address, key);
  return value && *value ? value : std::nullopt;
}

std::optional<Address> item_under(Decoder& decoder, const Object& object, std::int64_t key) {
  if (!is_dict(object)) return std::nullopt;
  const auto view = view_dict(decoder.reader(), object.address);
  if (!view) return std::nullopt;
  std::optional<Address> found;
  for_each_item(decoder.reader(), *view, [&](Address entry, Address value) {
    const auto known = decoder.object(entry);
    if (!known) return true;
    if (known->type->shape != Shape::long_int && known->type->shape != Shape::int_2) return true;
    const auto number = known->type->shape == Shape::int_2 ? int_value(decoder.reader(), entry)
                                                           : long_value(decoder.reader(), entry);
    if (number != key) return true;
    found = value;
    return false;
  });
  return found;
}

}  // namespace coreheap::python
