// From an address to its row in a few steps: the first row of each 4 KiB page of the regions that
// hold rows. A byte per KiB of heap; one look at the page table, then at most a page of rows.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "heapparse/census/census.h"

namespace coreheap::census {

class RowIndex {
 public:
  // `addresses` sorted; `regions` sorted and disjoint, covering every address.
  RowIndex(std::span<const std::uint64_t> addresses, std::span<const AddressRange> regions)
      : addresses_(addresses) {
    std::uint64_t offset = 0;
    regions_.reserve(regions.size());
    for (const AddressRange& r : regions) {
      if (r.empty()) continue;
      const std::uint64_t begin = r.begin.value & ~kPageMask;
      const std::uint64_t pages = ((r.end.value - 1) >> kShift) - (begin >> kShift) + 1;
      regions_.push_back({begin, r.end.value, offset});
      offset += pages + 1;
    }
    first_.resize(offset);
    std::size_t row = 0;
    for (std::size_t g = 0; g < regions_.size(); ++g) {
      const std::uint64_t end = g + 1 < regions_.size() ? regions_[g + 1].first : offset;
      const std::uint64_t pages = end - regions_[g].first;
      for (std::uint64_t p = 0; p < pages; ++p) {
        const std::uint64_t page = regions_[g].begin + (p << kShift);
        while (row < addresses_.size() && addresses_[row] < page) ++row;
        first_[regions_[g].first + p] = static_cast<std::uint32_t>(row);
      }
    }
  }

  // The row that starts exactly at `a`.
  RowId exact(Address a) const {
    const auto region =
        std::upper_bound(regions_.begin(), regions_.end(), a.value,
                         [](std::uint64_t x, const Region& r) { return x < r.begin; });
    if (region == regions_.begin()) return RowId::none;
    const Region& r = *(region - 1);
    if (a.value >= r.end) return RowId::none;
    const std::uint64_t page = r.first + ((a.value - r.begin) >> kShift);
    const auto begin = addresses_.begin() + first_[page];
    const auto end = addresses_.begin() + first_[page + 1];
    const auto it = std::lower_bound(begin, end, a.value);
    if (it == end || *it != a.value) return RowId::none;
    return RowId{static_cast<std::uint32_t>(it - addresses_.begin())};
  }

 private:
  static constexpr unsigned kShift = 12;
  static constexpr std::uint64_t kPageMask = (1ULL << kShift) - 1;
  struct Region {
    std::uint64_t begin;  // page-aligned
    std::uint64_t end;
    std::uint64_t first;  // index into first_
  };
  std::span<const std::uint64_t> addresses_;
  std::vector<Region> regions_;
  std::vector<std::uint32_t> first_;
};

}  // namespace coreheap::census
