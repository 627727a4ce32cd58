// Values of a query: what a cell holds while the query runs, and the types the checker knows.
#pragma once

#include <bit>
#include <compare>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "heapparse/base/address.h"

namespace coreheap::query {

// Known before the query runs. `any`: a Python value, whose type only the object says.
enum class Type : std::uint8_t { none, boolean, integer, bytes, number, text, address, any };

// "a number", "text", "an address", "true or false", "a Python value"
std::string_view phrase_of(Type type);
bool is_numeric(Type type);

// `none` stands for what is not there: no such attribute, unreadable, not applicable. Every
// comparison with it is false. An `object` is a Python object that is no plain value: compared by
// identity. Texts belong to whoever made the value (a TextStore, the image, the plan).
struct Value {
  enum class Kind : std::uint8_t { none, boolean, integer, number, address, object, text };
  Kind kind = Kind::none;
  std::uint64_t bits = 0;
  std::string_view text;

  static Value none() { return {}; }
  static Value of(bool b) { return {Kind::boolean, b ? 1ULL : 0ULL, {}}; }
  static Value of_integer(std::int64_t n) {
    return {Kind::integer, static_cast<std::uint64_t>(n), {}};
  }
  // Sizes and counts: 2^63 and more do not occur.
  static Value of_count(std::uint64_t n) { return {Kind::integer, n, {}}; }
  static Value of_number(double d) { return {Kind::number, std::bit_cast<std::uint64_t>(d), {}}; }
  static Value of_address(Address a) { return {Kind::address, a.value, {}}; }
  static Value of_object(Address a) { return {Kind::object, a.value, {}}; }
  static Value of_text(std::string_view s) { return {Kind::text, 0, s}; }
  // A text of the image or the census, which nobody has to copy.
  static Value of_lasting_text(std::string_view s) { return {Kind::text, 1, s}; }

  bool is_lasting() const { return kind != Kind::text || bits != 0; }
  bool is_none() const { return kind == Kind::none; }
  bool is_true() const { return kind == Kind::boolean && bits != 0; }
  std::int64_t integer() const { return static_cast<std::int64_t>(bits); }
  double number() const {
    return kind == Kind::number ? std::bit_cast<double>(bits) : static_cast<double>(integer());
  }
};

// nullopt where the two cannot be compared: then every comparison is false.
std::optional<std::partial_ordering> compare(const Value& a, const Value& b);

// The same value for grouping: none equals none, 1 equals 1.0.
bool same(const Value& a, const Value& b);
std::uint64_t hash_of(const Value& value);
// A total order for sorting: numbers, places, texts, and none last whatever the direction. Below 0:
// a comes first.
int sort_order(const Value& a, const Value& b, bool descending);
inline bool sorts_before(const Value& a, const Value& b, bool descending) {
  return sort_order(a, b, descending) < 0;
}

// Keeps texts that an evaluation had to make.
class TextStore {
 public:
  std::string_view keep(std::string text) { return kept_.emplace_back(std::move(text)); }
  // The value with a text that lives as long as this.
  Value keep(Value value) {
    if (!value.is_lasting()) value.text = keep(std::string(value.text));
    return value;
  }
  void clear() { kept_.clear(); }

 private:
  std::deque<std::string> kept_;
};

}  // namespace coreheap::query
