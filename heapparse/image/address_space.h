// The target's memory as stable bytes.
//
// An AddressSpace is a sorted list of non-overlapping pieces, each a run of target addresses with
// the bytes behind it (a mapped core, a private copy, a file that was checked by its build-id),
// over a sorted list of what the target had mapped at all. Three answers are told apart for every
// address: *present* (bytes are here), *missing* (the target had it mapped, the image does not hold
// it: truncated core, filtered mapping, unreadable page) and *unmapped*. Missing bytes are never
// zeroes.
//
// Invariants: pieces are sorted, disjoint, non-empty and each lies inside the mapped ranges; a span
// handed out stays valid and unchanged as long as the Image lives. Const access is safe from any
// thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "heapparse/base/address.h"

namespace coreheap::image {

enum class Presence : std::uint8_t { present, missing, unmapped };

// Where the bytes of a piece come from; reports name it.
enum class ByteSource : std::uint8_t {
  core_file,     // written by the kernel or gcore
  copy,          // read from a live process or through a callback
  backing_file,  // filled from the mapped file after its build-id was checked
};

struct Piece {
  AddressRange range;
  const std::byte* data = nullptr;  // range.size() bytes
  ByteSource source = ByteSource::core_file;
};

class AddressSpace {
 public:
  AddressSpace() = default;
  // Sorts and merges: pieces that touch in the target and in memory and have one source become one
  // (kernel cores split a heap at every VMA border). Overlaps keep the earlier argument's bytes.
  AddressSpace(std::vector<Piece> pieces, std::vector<AddressRange> mapped);

  std::span<const Piece> pieces() const { return pieces_; }
  // Words of 8 bytes that are present: nothing can be pointed to more often.
  std::uint64_t word_count() const {
    std::uint64_t words = 0;
    for (const Piece& piece : pieces_) words += piece.range.size() / 8;
    return words;
  }
  // Sorted, disjoint, touching ranges merged.
  std::span<const AddressRange> mapped() const { return mapped_; }

  Presence presence(Address a) const;
  bool is_mapped(Address a) const { return presence(a) != Presence::unmapped; }

  // The first present address from `a` on, at most `limit`. What skips holes must not do so page by
  // page: a damaged image has holes of terabytes.
  Address next_present(Address a, Address limit) const;

  // The piece that holds `a`, or nullptr.
  const Piece* piece_at(Address a) const;

  // Exactly [a, a+n) when all of it lies inside one piece, else empty. n == 0 gives empty.
  std::span<const std::byte> bytes(Address a, std::uint64_t n) const;
  // From `a` to the end of its piece, at most `limit` bytes; empty when `a` is not present.
  std::span<const std::byte> bytes_up_to(Address a, std::uint64_t limit) const;

  // Like bytes(), and across touching pieces. False (and `out` unspecified) when a byte is not
  // present.
  bool copy(Address a, std::span<std::byte> out) const;

  template <class T>
  requires std::is_trivially_copyable_v<T> std::optional<T> read(Address a)
  const {
    T value;
    if (const auto s = bytes(a, sizeof(T)); !s.empty()) [[likely]] {
      std::memcpy(&value, s.data(), sizeof(T));
      return value;
    }
    if (copy(a, std::as_writable_bytes(std::span(&value, 1)))) return value;
    return std::nullopt;
  }
  std::optional<Address> read_address(Address a) const {
    if (const auto word = read<std::uint64_t>(a)) return Address{*word};
    return std::nullopt;
  }

  // The bytes up to the first NUL, if one is found within `max_length`; else nullopt.
  std::optional<std::string> read_c_string(Address a, std::size_t max_length) const;

 private:
  std::vector<Piece> pieces_;
  std::vector<AddressRange> mapped_;
};

// A reader that remembers the last piece: one a thread, for walks that jump about in few regions.
class Reader {
 public:
  explicit Reader(const AddressSpace& space) : space_(&space) {}

  const AddressSpace& space() const { return *space_; }

  std::span<const std::byte> bytes(Address a, std::uint64_t n) {
    if (last_ == nullptr || !last_->range.contains(a)) {
      last_ = space_->piece_at(a);
      if (last_ == nullptr) return {};
    }
    if (n == 0 || n > last_->range.end - a) return {};
    return {last_->data + (a - last_->range.begin), static_cast<std::size_t>(n)};
  }

  template <class T>
  requires std::is_trivially_copyable_v<T> std::optional<T> read(Address a) {
    const auto s = bytes(a, sizeof(T));
    if (s.empty()) [[unlikely]] {
      return space_->read<T>(a);  // may straddle two touching pieces
    }
    T value;
    std::memcpy(&value, s.data(), sizeof(T));
    return value;
  }
  std::optional<Address> read_address(Address a) {
    if (const auto word = read<std::uint64_t>(a)) return Address{*word};
    return std::nullopt;
  }

 private:
  const AddressSpace* space_;
  const Piece* last_ = nullptr;
};

}  // namespace coreheap::image
