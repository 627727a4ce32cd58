// Visiting every aligned word of a range that the image holds: the loop under all structural
// finders.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "heapparse/image/address_space.h"

namespace coreheap::image {

// Calls visit(address, word) for each 8-aligned word of `range` that is present, until it returns
// false.
template <class Visit>
void scan_words(const AddressSpace& space, AddressRange range, Visit&& visit) {
  Address at = range.begin.aligned_up(8);
  while (at < range.end) {
    const auto bytes = space.bytes_up_to(at, range.end - at);
    if (bytes.size() < 8) {
      at = space.next_present(at + std::max<std::uint64_t>(bytes.size(), 1), range.end)
               .aligned_up(8);
      continue;
    }
    const std::size_t words = bytes.size() / 8;
    for (std::size_t i = 0; i < words; ++i) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + i * 8, 8);
      if (!visit(at + i * 8, word)) return;
    }
    at += words * 8;
    if ((bytes.size() & 7) != 0) at = (at + 8).aligned_down(8);
  }
}

}  // namespace coreheap::image
