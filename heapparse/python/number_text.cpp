// Shortest digits come from std::to_chars; where they are put, from the rules of Python.
#include "heapparse/python/number_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <string_view>
#include <vector>

namespace coreheap::python {
namespace {

constexpr std::uint64_t kMaxExactBits = 400'000;  // of a power of ten that is worked out
constexpr std::uint32_t kBillion = 1'000'000'000;

enum class Sign : std::uint8_t { where_negative, always };
enum class Whole : std::uint8_t { with_point, bare };  // "1.0", "1"

std::string text_of(double value, Sign sign, Whole whole) {
  std::string out;
  if (std::isnan(value)) return sign == Sign::always ? "+nan" : "nan";  // whatever its sign bit
  if (std::signbit(value)) {
    out = "-";
  } else if (sign == Sign::always) {
    out = "+";
  }
  if (std::isinf(value)) return out + "inf";
  std::array<char, 64> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::abs(value),
                                 std::chars_format::scientific);
  const std::string_view scientific(buffer.data(),
                                    static_cast<std::size_t>(end.ptr - buffer.data()));
  const std::size_t e = scientific.find('e');
  std::string digits(1, scientific[0]);
  if (e > 2) digits += scientific.substr(2, e - 2);
  int exponent = 0;
  const char* from = scientific.data() + e + 1;
  if (*from == '+') ++from;
  std::from_chars(from, end.ptr, exponent);
  const int point = exponent + 1;  // digits in front of the point
  const int count = static_cast<int>(digits.size());
  if (point <= -4 || point > 16) {
    out += digits[0];
    if (count > 1) out += "." + digits.substr(1);
    return out + fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (point <= 0) return out + "0." + std::string(static_cast<std::size_t>(-point), '0') + digits;
  if (point >= count) {
    out += digits + std::string(static_cast<std::size_t>(point - count), '0');
    return whole == Whole::with_point ? out + ".0" : out;
  }
  return out + digits.substr(0, static_cast<std::size_t>(point)) + "." +
         digits.substr(static_cast<std::size_t>(point));
}

std::uint64_t bit_length(const IntDigits& value) {
  if (value.digits.empty()) return 0;
  return (value.digits.size() - 1) * value.digit_bits +
         static_cast<std::uint64_t>(std::bit_width(value.digits.back()));
}

// value >= 10**exponent?
bool reaches_power_of_ten(const IntDigits& value, std::uint64_t exponent) {
  const std::uint64_t mask = (std::uint64_t{1} << value.digit_bits) - 1;
  std::vector<std::uint32_t> power{1};
  const auto multiply = [&](std::uint64_t factor) {
    std::uint64_t carry = 0;
    for (std::uint32_t& digit : power) {
      carry += digit * factor;
      digit = static_cast<std::uint32_t>(carry & mask);
      carry >>= value.digit_bits;
    }
    for (; carry != 0; carry >>= value.digit_bits) {
      power.push_back(static_cast<std::uint32_t>(carry & mask));
    }
  };
  for (; exponent >= 9; exponent -= 9) multiply(kBillion);
  for (; exponent > 0; --exponent) multiply(10);
  if (power.size() != value.digits.size()) return power.size() < value.digits.size();
  for (std::size_t i = power.size(); i-- > 0;) {
    if (power[i] != value.digits[i]) return power[i] < value.digits[i];
  }
  return true;
}

}  // namespace

std::string float_text(double value) {
  return text_of(value, Sign::where_negative, Whole::with_point);
}

std::string complex_text(double real, double imaginary) {
  if (real == 0 && !std::signbit(real)) {
    return text_of(imaginary, Sign::where_negative, Whole::bare) + "j";
  }
  return "(" + text_of(real, Sign::where_negative, Whole::bare) +
         text_of(imaginary, Sign::always, Whole::bare) + "j)";
}

std::optional<std::string> decimal_text(const IntDigits& value) {
  // 10**4300 has 14285 bits.
  if (bit_length(value) > 14285) return std::nullopt;
  std::vector<std::uint32_t> parts;  // of nine digits, least significant first
  for (std::size_t i = value.digits.size(); i-- > 0;) {
    std::uint64_t carry = value.digits[i];
    for (std::uint32_t& part : parts) {
      carry += std::uint64_t{part} << value.digit_bits;
      part = static_cast<std::uint32_t>(carry % kBillion);
      carry /= kBillion;
    }
    for (; carry != 0; carry /= kBillion) {
      parts.push_back(static_cast<std::uint32_t>(carry % kBillion));
    }
  }
  if (parts.empty()) return "0";
  std::string out = value.negative ? "-" : "";
  out += std::to_string(parts.back());
  for (std::size_t i = parts.size() - 1; i-- > 0;) out += fmt::format("{:09}", parts[i]);
  if (out.size() - (value.negative ? 1 : 0) > kMaxDecimalDigits) return std::nullopt;
  return out;
}

std::string hex_digits_text(const IntDigits& value, std::uint64_t most) {
  const std::uint64_t bits = bit_length(value);
  if (bits == 0) return "0";
  const std::uint64_t all = (bits + 3) / 4;
  const std::uint64_t shown = std::min(all, most);
  std::string out;
  out.reserve(shown + 3);
  for (std::uint64_t i = 0; i < shown; ++i) {
    const std::uint64_t low = (all - 1 - i) * 4;  // its lowest bit; a hex digit may lie in two
    const std::uint64_t at = low / value.digit_bits;
    std::uint64_t word = value.digits[at];
    if (at + 1 < value.digits.size()) {
      word |= std::uint64_t{value.digits[at + 1]} << value.digit_bits;
    }
    out += "0123456789abcdef"[(word >> (low % value.digit_bits)) & 15];
  }
  if (shown < all) out += "...";
  return out;
}

DigitCount decimal_digits(const IntDigits& value) {
  const std::uint64_t bits = bit_length(value);
  if (bits == 0) return {1, true};
  // The highest 64 bits or so, and what they are multiplied with.
  long double head = 0;
  const std::size_t count = value.digits.size();
  const std::size_t taken = std::min<std::size_t>(count, 4);
  for (std::size_t i = 0; i < taken; ++i) {
    head = std::ldexp(head, static_cast<int>(value.digit_bits)) + value.digits[count - 1 - i];
  }
  const long double log =
      std::log10(head) + static_cast<long double>((count - taken) * value.digit_bits) *
                             0.301029995663981195213738894724493027L;
  const auto nearest = static_cast<std::uint64_t>(std::llround(log));
  if (std::abs(log - static_cast<long double>(nearest)) > 1e-7L) {
    return {static_cast<std::uint64_t>(log) + 1, true};
  }
  if (bits > kMaxExactBits) return {nearest + 1, false};
  return {reaches_power_of_ten(value, nearest) ? nearest + 1 : nearest, true};
}

}  // namespace coreheap::python
