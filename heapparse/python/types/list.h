// The view of `list`: its pointer table.
#pragma once

#include <optional>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct ListView {
  Address items;                // 0 when the list never had any
  std::uint64_t size = 0;       // items in use
  std::uint64_t allocated = 0;  // items there is room for
};

inline std::optional<ListView> view_list(ObjectReader& reader, Address list) {
  const auto& f = reader.layout().list;
  const auto size = reader.word(list, f.size);
  const auto items = reader.word(list, f.items);
  const auto allocated = reader.word(list, f.allocated);
  if (!size || !items || !allocated) return std::nullopt;
  // list.sort() empties the list while it works: allocated is -1 then.
  if (*allocated == ~std::uint64_t{0}) return ListView{};
  if (*size > *allocated || *allocated >= (std::uint64_t{1} << 48) || (*items == 0 && *size != 0)) {
    return std::nullopt;
  }
  return ListView{Address{*items}, *size, *allocated};
}

}  // namespace coreheap::python
