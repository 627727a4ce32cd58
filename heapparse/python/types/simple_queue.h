// The view of queue.SimpleQueue since it keeps its items in a ring (before, in a list of its own).
#pragma once

#include <optional>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct RingView {
  Address items;
  std::uint64_t capacity = 0;  // never 0
  std::uint64_t first = 0;     // slot of the next item out
  std::uint64_t count = 0;
};

inline std::optional<RingView> view_ring(ObjectReader& reader, Address queue) {
  const auto& f = reader.layout().simple_queue;
  const auto items = reader.pointer(queue, f.ring_items);
  const auto capacity = reader.word(queue, f.ring_capacity);
  const auto first = reader.word(queue, f.ring_get);
  const auto count = reader.word(queue, f.ring_count);
  if (!items || !capacity || !first || !count || *capacity == 0) return std::nullopt;
  if (*capacity > (std::uint64_t{1} << 44) || *first >= *capacity || *count > *capacity) {
    return std::nullopt;
  }
  return RingView{*items, *capacity, *first, *count};
}

}  // namespace coreheap::python
