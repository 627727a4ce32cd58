// All of it is one merge pass or one binary search: the sets of a big process have 1e5 ranges and
// more.
#include "heapparse/image/ranges.h"

#include <algorithm>

namespace coreheap::image {

Ranges normalised(Ranges ranges) {
  std::erase_if(ranges, [](const AddressRange& r) { return r.empty(); });
  std::sort(ranges.begin(), ranges.end());
  std::size_t kept = 0;
  for (const AddressRange& r : ranges) {
    if (kept > 0 && r.begin <= ranges[kept - 1].end) {
      ranges[kept - 1].end = std::max(ranges[kept - 1].end, r.end);
    } else {
      ranges[kept++] = r;
    }
  }
  ranges.resize(kept);
  return ranges;
}

Ranges subtract(std::span<const AddressRange> set, std::span<const AddressRange> holes) {
  Ranges result;
  std::size_t h = 0;
  for (AddressRange r : set) {
    while (h < holes.size() && holes[h].end <= r.begin) ++h;
    for (std::size_t k = h; k < holes.size() && holes[k].begin < r.end; ++k) {
      if (r.begin < holes[k].begin) result.push_back({r.begin, holes[k].begin});
      r.begin = std::max(r.begin, holes[k].end);
      h = k;
    }
    if (r.begin < r.end) result.push_back(r);
  }
  return result;
}

Ranges intersect(std::span<const AddressRange> a, std::span<const AddressRange> b) {
  Ranges result;
  std::size_t i = 0;
  std::size_t k = 0;
  while (i < a.size() && k < b.size()) {
    const AddressRange both{std::max(a[i].begin, b[k].begin), std::min(a[i].end, b[k].end)};
    if (both.begin < both.end) result.push_back(both);
    if (a[i].end < b[k].end) {
      ++i;
    } else {
      ++k;
    }
  }
  return result;
}

std::span<const AddressRange>::iterator first_ending_after(std::span<const AddressRange> set,
                                                           Address a) {
  return std::upper_bound(set.begin(), set.end(), a,
                          [](Address x, const AddressRange& r) { return x < r.end; });
}

std::uint64_t total_size(std::span<const AddressRange> set) {
  std::uint64_t total = 0;
  for (const AddressRange& r : set) total += r.size();
  return total;
}

std::uint64_t bytes_in(std::span<const AddressRange> set, AddressRange range) {
  std::uint64_t total = 0;
  for (auto it = first_ending_after(set, range.begin); it != set.end() && it->begin < range.end;
       ++it) {
    total += std::min(it->end, range.end) - std::max(it->begin, range.begin);
  }
  return total;
}

}  // namespace coreheap::image
