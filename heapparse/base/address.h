// Addresses and address ranges of the target.
//
// An address of the target is not a pointer of ours and not a count: it has a type of its own, so
// that the compiler finds every place where one is taken for the other. Arithmetic wraps like the
// target's own (64 bits); the readers, not this type, decide whether anything is there.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace coreheap {

struct Address {
  std::uint64_t value = 0;

  constexpr auto operator<=>(const Address&) const = default;
  constexpr explicit operator bool() const { return value != 0; }

  constexpr Address operator+(std::uint64_t n) const { return {value + n}; }
  constexpr Address operator-(std::uint64_t n) const { return {value - n}; }
  constexpr std::uint64_t operator-(Address other) const { return value - other.value; }
  constexpr Address& operator+=(std::uint64_t n) {
    value += n;
    return *this;
  }

  // `alignment` must be a power of two.
  constexpr Address aligned_down(std::uint64_t alignment) const {
    return {value & ~(alignment - 1)};
  }
  constexpr Address aligned_up(std::uint64_t alignment) const {
    return {(value + alignment - 1) & ~(alignment - 1)};
  }
  constexpr bool is_aligned(std::uint64_t alignment) const {
    return (value & (alignment - 1)) == 0;
  }
};

// Half open: [begin, end).
struct AddressRange {
  Address begin;
  Address end;

  constexpr auto operator<=>(const AddressRange&) const = default;
  constexpr std::uint64_t size() const { return end.value - begin.value; }
  constexpr bool empty() const { return end <= begin; }
  constexpr bool contains(Address a) const { return begin <= a && a < end; }
  // The whole of [a, a+n) lies inside.
  constexpr bool contains(Address a, std::uint64_t n) const {
    return begin <= a && a <= end && n <= end.value - a.value;
  }
};

}  // namespace coreheap

template <>
struct std::hash<coreheap::Address> {
  std::size_t operator()(coreheap::Address a) const noexcept {
    // Fibonacci hashing: heap addresses share their high and low bits.
    return static_cast<std::size_t>((a.value >> 3) * 0x9E3779B97F4A7C15ULL);
  }
};
