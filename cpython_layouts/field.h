// One member of a C struct of CPython: where it lies and how wide it is.
//
// Kept as plain numbers so that whole tables are constant expressions. A field whose size is 0 does
// not exist in that version; readers ask present() and never compare versions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace coreheap::layouts {

struct Field {
  std::uint32_t offset = 0;
  std::uint16_t size = 0;  // bytes; of one element for arrays; 0: no such field in this version
  std::uint8_t bit = 0;
  std::uint8_t bit_width = 0;  // 0: the whole `size` bytes

  constexpr bool present() const { return size != 0; }
  constexpr bool is_bit_field() const { return bit_width != 0; }
  constexpr std::uint64_t end() const { return std::uint64_t{offset} + size; }

  // The value of a bit-field, from the word of `size` bytes read at `offset`.
  constexpr std::uint64_t extract(std::uint64_t word) const {
    if (bit_width == 0 || bit_width >= 64) return word;
    return (word >> bit) & ((std::uint64_t{1} << bit_width) - 1);
  }

  friend constexpr bool operator==(const Field&, const Field&) = default;
};

// What every group of fields begins with.
struct Struct {
  std::uint32_t struct_size = 0;  // sizeof the C struct; 0: no such struct in this version

  constexpr bool present() const { return struct_size != 0; }

  friend constexpr bool operator==(const Struct&, const Struct&) = default;
};

// A few values between which builds of one version differ, to be decided by looking at the target.
class Choices {
 public:
  constexpr Choices() = default;
  constexpr Choices(std::initializer_list<std::uint32_t> values) {
    for (std::uint32_t value : values) {
      if (count_ < values_.size()) values_[count_++] = value;
    }
  }

  constexpr const std::uint32_t* begin() const { return values_.data(); }
  constexpr const std::uint32_t* end() const { return values_.data() + count_; }
  constexpr std::size_t size() const { return count_; }
  constexpr bool empty() const { return count_ == 0; }
  constexpr std::uint32_t front() const { return values_[0]; }  // the likeliest
  constexpr bool contains(std::uint32_t value) const {
    for (std::uint32_t choice : *this) {
      if (choice == value) return true;
    }
    return false;
  }

  friend constexpr bool operator==(const Choices&, const Choices&) = default;

 private:
  std::array<std::uint32_t, 4> values_{};
  std::size_t count_ = 0;
};

}  // namespace coreheap::layouts
