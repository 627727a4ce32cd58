// Building the sorted pieces out of whatever a core claims, and finding bytes in them.
//
// The input is hostile: segments may overlap in any way and there may be 1e5 of them, so covering
// is done against a set of merged intervals, in n log n whatever the overlaps are.
#include "heapparse/image/address_space.h"

#include <iterator>
#include <map>
#include <utility>

#include "heapparse/image/ranges.h"

namespace coreheap::image {
namespace {

// What earlier pieces cover already, as merged intervals begin -> end.
class Cover {
 public:
  // Calls take(part) for every part of `range` that was not covered, and covers it.
  template <class F>
  void add(AddressRange range, F take) {
    auto it = merged_.upper_bound(range.begin);
    if (it != merged_.begin()) {
      const auto before = std::prev(it);
      if (before->second >= range.begin) it = before;
    }
    Address at = range.begin;
    AddressRange whole = range;
    while (it != merged_.end() && it->first <= range.end) {
      if (at < it->first) take(AddressRange{at, it->first});
      at = std::max(at, it->second);
      whole.begin = std::min(whole.begin, it->first);
      whole.end = std::max(whole.end, it->second);
      it = merged_.erase(it);
    }
    if (at < range.end) take(AddressRange{at, range.end});
    merged_.emplace_hint(it, whole.begin, whole.end);
  }

 private:
  std::map<Address, Address> merged_;
};

}  // namespace

AddressSpace::AddressSpace(std::vector<Piece> pieces, std::vector<AddressRange> mapped) {
  std::vector<Piece> disjoint;
  disjoint.reserve(pieces.size());
  Cover cover;
  for (const Piece& piece : pieces) {
    if (piece.range.empty() || piece.data == nullptr) continue;
    mapped.push_back(piece.range);
    cover.add(piece.range, [&](AddressRange part) {
      disjoint.push_back({part, piece.data + (part.begin - piece.range.begin), piece.source});
    });
  }
  std::sort(disjoint.begin(), disjoint.end(),
            [](const Piece& a, const Piece& b) { return a.range.begin < b.range.begin; });
  for (const Piece& piece : disjoint) {
    if (!pieces_.empty()) {
      Piece& last = pieces_.back();
      if (last.range.end == piece.range.begin && last.source == piece.source &&
          last.data + last.range.size() == piece.data) {
        last.range.end = piece.range.end;
        continue;
      }
    }
    pieces_.push_back(piece);
  }
  pieces_.shrink_to_fit();
  mapped_ = normalised(std::move(mapped));
}

const Piece* AddressSpace::piece_at(Address a) const {
  const auto it = std::upper_bound(pieces_.begin(), pieces_.end(), a,
                                   [](Address x, const Piece& p) { return x < p.range.end; });
  return it != pieces_.end() && it->range.begin <= a ? &*it : nullptr;
}

Address AddressSpace::next_present(Address a, Address limit) const {
  const auto it = std::upper_bound(pieces_.begin(), pieces_.end(), a,
                                   [](Address x, const Piece& p) { return x < p.range.end; });
  return it == pieces_.end() ? limit : std::min(limit, std::max(a, it->range.begin));
}

Presence AddressSpace::presence(Address a) const {
  if (piece_at(a) != nullptr) return Presence::present;
  const std::span<const AddressRange> mapped = mapped_;
  const auto it = first_ending_after(mapped, a);
  return it != mapped.end() && it->begin <= a ? Presence::missing : Presence::unmapped;
}

std::span<const std::byte> AddressSpace::bytes(Address a, std::uint64_t n) const {
  const Piece* piece = piece_at(a);
  if (piece == nullptr || n == 0 || n > piece->range.end - a) return {};
  return {piece->data + (a - piece->range.begin), static_cast<std::size_t>(n)};
}

std::span<const std::byte> AddressSpace::bytes_up_to(Address a, std::uint64_t limit) const {
  const Piece* piece = piece_at(a);
  if (piece == nullptr || limit == 0) return {};
  return {piece->data + (a - piece->range.begin),
          static_cast<std::size_t>(std::min(limit, piece->range.end - a))};
}

bool AddressSpace::copy(Address a, std::span<std::byte> out) const {
  while (!out.empty()) {
    const auto part = bytes_up_to(a, out.size());
    if (part.empty()) return false;
    std::memcpy(out.data(), part.data(), part.size());
    out = out.subspan(part.size());
    a += part.size();
  }
  return true;
}

std::optional<std::string> AddressSpace::read_c_string(Address a, std::size_t max_length) const {
  std::string text;
  while (text.size() < max_length) {
    const auto part = bytes_up_to(a, max_length - text.size());
    if (part.empty()) return std::nullopt;
    const auto* begin = reinterpret_cast<const char*>(part.data());
    if (const void* nul = std::memchr(begin, 0, part.size())) {
      text.append(begin, static_cast<const char*>(nul));
      return text;
    }
    text.append(begin, part.size());
    a += part.size();
  }
  return std::nullopt;
}

}  // namespace coreheap::image
