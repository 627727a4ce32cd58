// Numbers as Python writes them: pure functions of their values.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace coreheap::python {

// Longer ints are not written in decimal: the interpreter itself refuses to (since 3.11, and in
// security releases before), and the work grows with the square of the length.
inline constexpr std::uint64_t kMaxDecimalDigits = 4300;

// repr(float): the shortest digits that read back as the same number.
std::string float_text(double value);
std::string complex_text(double real, double imaginary);

// An int as the interpreter stores it: digits of `digit_bits` bits, least significant first, none
// or a highest one that is not 0.
struct IntDigits {
  std::span<const std::uint32_t> digits;
  unsigned digit_bits = 30;
  bool negative = false;
};

// nullopt: more than kMaxDecimalDigits.
std::optional<std::string> decimal_text(const IntDigits& value);
// At most `most` hex digits, the highest; "..." stands for the rest.
std::string hex_digits_text(const IntDigits& value, std::uint64_t most);

// How many decimal digits: exact, but for numbers of more than 100,000 digits so near to a power of
// ten that only the power itself would tell.
struct DigitCount {
  std::uint64_t count = 0;
  bool exact = true;
};
DigitCount decimal_digits(const IntDigits& value);

}  // namespace coreheap::python
