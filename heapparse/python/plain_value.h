// The values that a program compares and counts: None, truth values, numbers, texts. Anything else
// is an object, known by its identity.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "heapparse/python/decoder.h"

namespace coreheap::python {

struct PlainValue {
  enum class Kind : std::uint8_t { none, boolean, integer, number, text, other } kind = Kind::other;
  std::int64_t integer = 0;  // of boolean too
  double number = 0;
  // Bytes of the image where the text lies there as it is, else of `made`: valid as long as both.
  std::string_view text = {};
};

// Instances of subclasses of str, int, float count as what they are based on. Ints beyond 63 bits
// are `number`. Of a str at most `max_chars` characters, as UTF-8; bytes as they are. nullopt when
// the object's bytes are not in the image. `made` takes a text that had to be made.
std::optional<PlainValue> plain_value(Decoder& decoder, const Object& object, std::size_t max_chars,
                                      std::string& made);

}  // namespace coreheap::python
