#include "heapparse/census/census.h"

#include <algorithm>

namespace coreheap::census {

std::string_view name_of(State state) {
  switch (state) {
    case State::used:
      return "used";
    case State::free:
      return "free";
    case State::cached:
      return "cached";
  }
  return "used";
}

std::string_view name_of(Allocator allocator) {
  switch (allocator) {
    case Allocator::glibc:
      return "glibc";
    case Allocator::glibc_mmap:
      return "glibc-mmap";
    case Allocator::pymalloc:
      return "pymalloc";
    case Allocator::static_object:
      return "static";
    case Allocator::other:
      return "other";
  }
  return "other";
}

RowId Rows::at_or_below(Address a) const {
  const auto it = std::upper_bound(address_.begin(), address_.end(), a.value);
  if (it == address_.begin()) return RowId::none;
  return RowId{static_cast<std::uint32_t>(it - address_.begin() - 1)};
}

AddressRange Census::chunk_extent(RowId r) const {
  const Address a = rows.address(r);
  const std::uint64_t size = rows.size(r);
  if (size == kIntObjectBytes) return {a, a + size};
  // The last chunk of a segment has no follower whose prev_size it could use.
  const bool clipped = rows.allocator(r) == Allocator::glibc_mmap
                           ? mmapped_end_clipped
                           : label_of(r).kind == Kind::glibc_top;
  return {a - 8, a + size - (clipped ? 16 : 8)};
}

RowId Census::row_holding(Address a) const {
  // A glibc row begins 8 bytes before its address: the row above may hold `a`.
  const RowId below = rows.at_or_below(a + 8);
  if (below == RowId::none) return RowId::none;
  for (std::uint32_t i = 0; i < 2 && i <= index_of(below); ++i) {
    const RowId row{index_of(below) - i};
    if (extent_of(row).contains(a)) return row;
  }
  return RowId::none;
}

const Range* Census::range_holding(Address a) const {
  auto it = std::upper_bound(ranges.begin(), ranges.end(), a,
                             [](Address x, const Range& r) { return x < r.range.begin; });
  if (it == ranges.begin()) return nullptr;
  --it;
  return it->range.contains(a) ? &*it : nullptr;
}

}  // namespace coreheap::census
