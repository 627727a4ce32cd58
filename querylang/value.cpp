// Comparing values.
#include "querylang/value.h"

#include <cmath>

namespace coreheap::query {
namespace {

using Kind = Value::Kind;

bool is_number(const Value& v) { return v.kind == Kind::integer || v.kind == Kind::number; }
bool is_place(const Value& v) { return v.kind == Kind::address || v.kind == Kind::object; }

// Whole numbers and doubles in one order, exactly: 2^53 + 1 is more than 2^53.
std::partial_ordering compare_numbers(const Value& a, const Value& b) {
  if (a.kind == b.kind) {
    if (a.kind == Kind::integer) return a.integer() <=> b.integer();
    return a.number() <=> b.number();
  }
  if (a.kind == Kind::number) {
    const auto other = compare_numbers(b, a);
    if (other == std::partial_ordering::less) return std::partial_ordering::greater;
    if (other == std::partial_ordering::greater) return std::partial_ordering::less;
    return other;
  }
  const double d = b.number();
  if (std::isnan(d)) return std::partial_ordering::unordered;
  if (d >= 0x1p63) return std::partial_ordering::less;
  if (d < -0x1p63) return std::partial_ordering::greater;
  const double floor = std::floor(d);
  const auto whole = a.integer() <=> static_cast<std::int64_t>(floor);
  if (whole != 0) return whole;
  return floor < d ? std::partial_ordering::less : std::partial_ordering::equivalent;
}

int rank_of(const Value& v) {
  if (v.is_none()) return 3;
  if (v.kind == Kind::text) return 2;
  return is_place(v) ? 1 : 0;
}

std::uint64_t mixed(std::uint64_t x) {
  x ^= x >> 33;
  x *= 0xff51afd7ed558ccdULL;
  x ^= x >> 33;
  return x;
}

}  // namespace

std::string_view phrase_of(Type type) {
  switch (type) {
    case Type::none:
      return "none";
    case Type::boolean:
      return "true or false";
    case Type::integer:
    case Type::bytes:
    case Type::number:
      return "a number";
    case Type::text:
      return "text";
    case Type::address:
      return "an address";
    case Type::any:
      return "a Python value";
  }
  return "a value";
}

bool is_numeric(Type type) {
  return type == Type::integer || type == Type::bytes || type == Type::number;
}

std::optional<std::partial_ordering> compare(const Value& a, const Value& b) {
  if (is_number(a) && is_number(b)) {
    const auto order = compare_numbers(a, b);
    if (order == std::partial_ordering::unordered) return std::nullopt;
    return order;
  }
  if (a.kind == Kind::text && b.kind == Kind::text) return a.text <=> b.text;
  if (a.kind == Kind::boolean && b.kind == Kind::boolean) return a.bits <=> b.bits;
  // An address may be written as a number.
  const auto placed = [](const Value& v) { return is_place(v) || v.kind == Kind::integer; };
  if (placed(a) && placed(b)) return a.bits <=> b.bits;
  return std::nullopt;
}

bool same(const Value& a, const Value& b) {
  if (a.is_none() || b.is_none()) return a.is_none() && b.is_none();
  if (rank_of(a) != rank_of(b)) return false;
  if ((a.kind == Kind::boolean) != (b.kind == Kind::boolean)) return false;
  if (a.kind == Kind::number && b.kind == Kind::number && a.bits == b.bits) return true;
  const auto order = compare(a, b);
  return order && *order == 0;
}

std::uint64_t hash_of(const Value& value) {
  switch (value.kind) {
    case Kind::none:
      return 0x9e3779b97f4a7c15ULL;
    case Kind::text:
      return std::hash<std::string_view>{}(value.text);
    case Kind::number: {
      const double d = value.number();
      if (d >= -0x1p63 && d < 0x1p63 && std::floor(d) == d) {
        return mixed(static_cast<std::uint64_t>(static_cast<std::int64_t>(d)));
      }
      return mixed(value.bits);
    }
    default:
      return mixed(value.bits);
  }
}

int sort_order(const Value& a, const Value& b, bool descending) {
  const int x = rank_of(a);
  const int y = rank_of(b);
  if (x != y) return x - y;
  if (x == 3) return 0;
  const auto order = compare(a, b);
  const int way = !order       ? static_cast<int>(a.kind) - static_cast<int>(b.kind)
                  : *order < 0 ? -1
                  : *order > 0 ? 1
                               : 0;
  return descending && order ? -way : way;
}

}  // namespace coreheap::query
