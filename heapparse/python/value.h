// The value of an object as text, as the program itself would print it.
//
// Invariant: uncut, it equals ascii(object) in the target (2.7: repr) for exact None, bool, int,
// float, complex, str, bytes, bytearray, range, slice, Ellipsis, NotImplemented, and for tuple,
// list, set, frozenset, dict of them, cycles included. Ints of more than 4300 digits are shown in
// hex with the number of their decimal digits. Classes are shown as type.__repr__ would, every
// other object, instances of subclasses too, as object.__repr__ would: `<module.Class object at
// 0x...>`, numpy's arrays with what they are of (`<numpy.ndarray object at 0x... float64 3x4>`, a
// view with `of` and the address of its base before the bracket). What cannot be read is shown as
// `<unreadable>` in its place. The text is ASCII but for names of classes.
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
  // Instances show the attributes their classes give them: `<m.Point object at 0x10 x=1 y=2>`.
  bool attributes = false;

  static constexpr ValueOptions uncut() { return {UINT64_MAX, UINT64_MAX, UINT64_MAX}; }
  static constexpr ValueOptions of_chars(std::uint64_t n) { return {n, UINT64_MAX, UINT64_MAX}; }
};

// Of the object at `object`; "<unreadable>" when there is none.
std::string value_text(Decoder& decoder, Address object, const ValueOptions& options = {});

// Does value_text write the value itself, not only type and address?
bool has_value_text(const Decoder& decoder, const PythonType& type);

}  // namespace coreheap::python
