// The view of `str` in its three forms (compact ASCII, compact, with a buffer of its own), of 2.7's
// `unicode`, and of bytes-like names.
//
// A view is validated when it is made: kind, length and the bytes behind it agree with each other.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct StrView {
  Address data;                 // first character
  std::uint64_t length = 0;     // characters
  std::uint8_t char_bytes = 1;  // 1, 2 or 4
  bool ascii = false;
  bool compact = true;  // characters lie in the object itself
  std::uint8_t interned = 0;
  std::uint64_t head_bytes = 0;  // of the object before compact data
  // Buffers of its own, 0 when there is none (or when it is the data itself).
  Address own_data;
  Address utf8;
  Address wstr;
  std::uint64_t utf8_length = 0;
  std::uint64_t wstr_length = 0;

  // Bytes from the object's start to the end of its compact data (terminator included).
  std::uint64_t object_bytes() const {
    return compact ? head_bytes + (length + 1) * char_bytes : head_bytes;
  }
};

// nullopt when the object is not a sound str (or unicode of 2.7).
std::optional<StrView> view_str(ObjectReader& reader, Address object);

// The characters as UTF-8, cut after `max_chars`; lone surrogates become U+FFFD. nullopt when they
// are not in the image.
std::optional<std::string> str_text(ObjectReader& reader, Address object, std::size_t max_chars);

// A name as CPython stores it: a str, or 2.7's byte string.
std::optional<std::string> name_text(ObjectReader& reader, Address object, std::size_t max_chars);

}  // namespace coreheap::python
