// The view of `int` (2.7's `long`): sign and digits of 30 bits.
#pragma once

#include <optional>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct LongView {
  std::uint64_t digit_count = 0;
  bool negative = false;
  Address digits;
};

inline std::optional<LongView> view_long(ObjectReader& reader, Address object) {
  const auto& f = reader.layout().long_int;
  LongView v;
  v.digits = object + f.digits.offset;
  if (reader.traits().long_form == layouts::LongForm::kTag) {
    const auto tag = reader.word(object, f.tag);
    if (!tag) return std::nullopt;
    v.digit_count = *tag >> 3;
    v.negative = (*tag & 3) == 2;
    if ((*tag & 3) == 3) return std::nullopt;
    if ((*tag & 3) == 1) v.digit_count = 0;
  } else {
    const auto size = reader.signed_word(object, f.size);
    if (!size || *size == INT64_MIN) return std::nullopt;
    v.negative = *size < 0;
    v.digit_count = static_cast<std::uint64_t>(*size < 0 ? -*size : *size);
  }
  if (v.digit_count >= (std::uint64_t{1} << 44)) return std::nullopt;
  return v;
}

// The value when it fits 63 bits.
inline std::optional<std::int64_t> long_value(ObjectReader& reader, Address object) {
  const auto v = view_long(reader, object);
  if (!v || v->digit_count > 2) return std::nullopt;
  std::int64_t value = 0;
  for (std::uint64_t i = v->digit_count; i-- > 0;) {
    const auto digit = reader.memory().read<std::uint32_t>(v->digits + i * 4);
    if (!digit) return std::nullopt;
    value = (value << 30) | static_cast<std::int64_t>(*digit);
  }
  return v->negative ? -value : value;
}

// The value of an `int` of any version: a machine word where small ints are a type of their own
// (2.7).
inline std::optional<std::int64_t> int_value(ObjectReader& reader, Address object) {
  const auto& f = reader.layout().int_object;
  return f.present() ? reader.signed_word(object, f.value) : long_value(reader, object);
}

}  // namespace coreheap::python
