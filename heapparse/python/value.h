// The value of an object as text, as the program itself would print it.
//
// Invariant: uncut, it equals ascii(object) in the target (2.7: repr) for exact None, bool, int,
// float, complex, str, bytes, bytearray, range, slice, Ellipsis, NotImplemented, and for tuple,
// list, set, frozenset, dict of them, cycles included. Ints of more than 4300 digits are shown in
// hex with the number of their digits. Every other object, instances of subclasses too, is shown
// as object.__repr__ would: `<module.Class object at 0x...>`. What cannot be read is shown as
// `<unreadable>` in its place. The text is ASCII.
#pragma once

#include <cstdint>
#include <string>

#include "heapparse/python/decoder.h"

namespace coreheap::python {

// What is left out is marked with "..." in its place.
struct ValueOptions {
  std::uint64_t max_chars = 200;  // of the whole text
  std::uint64_t max_items = 100;  // of one container
  std::uint64_t max_depth = 6;    // of containers inside containers

  static constexpr ValueOptions uncut() { return {UINT64_MAX, UINT64_MAX, UINT64_MAX}; }
  static constexpr ValueOptions of_chars(std::uint64_t n) { return {n, UINT64_MAX, UINT64_MAX}; }
};

// The object at `object`: "<unreadable>" when there is none.
std::string value_text(Decoder& decoder, Address object, const ValueOptions& options = {});

}  // namespace coreheap::python
