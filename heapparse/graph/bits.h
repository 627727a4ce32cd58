// A bit a node.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace coreheap::graph {

class Bits {
 public:
  Bits() = default;
  explicit Bits(std::size_t n) : words_((n + 63) / 64), size_(n) {}

  std::size_t size() const { return size_; }
  bool operator[](std::size_t i) const { return ((words_[i / 64] >> (i % 64)) & 1) != 0; }
  void set(std::size_t i) { words_[i / 64] |= std::uint64_t{1} << (i % 64); }
  void clear(std::size_t i) { words_[i / 64] &= ~(std::uint64_t{1} << (i % 64)); }
  // True when it was not set before.
  bool insert(std::size_t i) {
    const std::uint64_t bit = std::uint64_t{1} << (i % 64);
    const bool fresh = (words_[i / 64] & bit) == 0;
    words_[i / 64] |= bit;
    return fresh;
  }
  std::size_t count() const {
    std::size_t n = 0;
    for (const std::uint64_t word : words_) n += static_cast<std::size_t>(std::popcount(word));
    return n;
  }

 private:
  std::vector<std::uint64_t> words_;
  std::size_t size_ = 0;
};

}  // namespace coreheap::graph
