// The view of `set` and `frozenset`: an open hash table, embedded while it is small.
#pragma once

#include <optional>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct SetView {
  Address table;
  std::uint64_t slots = 0;
  std::uint64_t used = 0;
  bool embedded = true;  // the table lies in the object
  std::uint64_t table_bytes() const { return slots * 16; }
};

inline std::optional<SetView> view_set(ObjectReader& reader, Address set) {
  const auto& f = reader.layout().set;
  const auto used = reader.word(set, f.used);
  const auto fill = reader.word(set, f.fill);
  const auto mask = reader.word(set, f.mask);
  const auto table = reader.pointer(set, f.table);
  if (!used || !fill || !mask || !table) return std::nullopt;
  const std::uint64_t slots = *mask + 1;
  if (slots == 0 || (slots & *mask) != 0 || *mask >= (std::uint64_t{1} << 44)) return std::nullopt;
  if (*used > *fill || *fill > slots) return std::nullopt;
  return SetView{*table, slots, *used, *table == set + f.small_table.offset};
}

}  // namespace coreheap::python
