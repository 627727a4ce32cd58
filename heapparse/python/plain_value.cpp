// Values of the few types whose meaning is not their identity.
#include "heapparse/python/plain_value.h"

#include <cmath>

#include "heapparse/python/types/bytes.h"
#include "heapparse/python/types/float_number.h"
#include "heapparse/python/types/long_int.h"
#include "heapparse/python/types/str.h"

namespace coreheap::python {
namespace {

using Kind = PlainValue::Kind;

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::optional<PlainValue> text_value(Decoder& decoder, Address object, std::size_t max_chars,
                                     std::string& made) {
  const auto view = view_str(decoder.reader(), object);
  if (!view) return std::nullopt;
  PlainValue value{.kind = Kind::text};
  if (view->ascii && view->char_bytes == 1) {
    const std::uint64_t length = std::min<std::uint64_t>(view->length, max_chars);
    if (length == 0) return value;
    const auto bytes = decoder.memory().bytes(view->data, length);
    if (bytes.size() == length) {
      value.text = as_text(bytes);
      return value;
    }
  }
  auto text = str_text(decoder.reader(), object, max_chars);
  if (!text) return std::nullopt;
  made = std::move(*text);
  value.text = made;
  return value;
}

std::optional<PlainValue> bytes_value(Decoder& decoder, Address object, std::size_t max_chars,
                                      std::string& made) {
  const auto view = view_bytes(decoder.reader(), object);
  if (!view) return std::nullopt;
  PlainValue value{.kind = Kind::text};
  const std::uint64_t size = std::min<std::uint64_t>(view->size, max_chars);
  if (size == 0) return value;
  if (const auto bytes = decoder.memory().bytes(view->data, size); bytes.size() == size) {
    value.text = as_text(bytes);
    return value;
  }
  // Across two pieces of the image; never more than there is mapped.
  if (decoder.memory().space().presence(view->data + (size - 1)) != image::Presence::present) {
    return std::nullopt;
  }
  made.resize(size);
  if (!decoder.memory().space().copy(view->data, std::as_writable_bytes(std::span(made)))) {
    return std::nullopt;
  }
  value.text = made;
  return value;
}

std::optional<PlainValue> int_plain(Decoder& decoder, const Object& object) {
  ObjectReader& reader = decoder.reader();
  if (object.type->shape == Shape::int_2) {
    const auto value = int_value(reader, object.address);
    if (!value) return std::nullopt;
    return PlainValue{.kind = Kind::integer, .integer = *value};
  }
  if (const auto value = long_value(reader, object.address)) {
    return PlainValue{.kind = Kind::integer, .integer = *value};
  }
  const auto view = view_long(reader, object.address);
  if (!view || view->digit_count == 0) return std::nullopt;
  // The four highest digits are more than a double tells apart.
  double number = 0;
  const std::uint64_t low = view->digit_count > 4 ? view->digit_count - 4 : 0;
  for (std::uint64_t i = view->digit_count; i-- > low;) {
    const auto digit = reader.memory().read<std::uint32_t>(view->digits + i * 4);
    if (!digit) return std::nullopt;
    number = number * 0x1p30 + static_cast<double>(*digit);
  }
  number = std::ldexp(number, static_cast<int>(std::min<std::uint64_t>(low, 1000) * 30));
  return PlainValue{.kind = Kind::number, .number = view->negative ? -number : number};
}

}  // namespace

std::optional<PlainValue> plain_value(Decoder& decoder, const Object& object, std::size_t max_chars,
                                      std::string& made) {
  const PythonType& type = *object.type;
  switch (type.shape) {
    case Shape::str:
    case Shape::unicode_2:
      return text_value(decoder, object.address, max_chars, made);
    case Shape::bytes:
      return bytes_value(decoder, object.address, max_chars, made);
    case Shape::long_int:
    case Shape::int_2: {
      auto value = int_plain(decoder, object);
      if (value && type.is_static && type.name == "bool") value->kind = Kind::boolean;
      return value;
    }
    case Shape::float_number: {
      const auto value = float_value(decoder.reader(), object.address);
      if (!value) return std::nullopt;
      return PlainValue{.kind = Kind::number, .number = *value};
    }
    default:
      break;
  }
  if (type.is_static && type.name == "NoneType") return PlainValue{.kind = Kind::none};
  return PlainValue{};
}

}  // namespace coreheap::python
