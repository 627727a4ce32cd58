// The view of array.array.
#pragma once

#include <optional>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct ArrayView {
  Address items;  // 0 when empty
  std::uint64_t size = 0;
  std::uint64_t allocated = 0;
};

inline std::optional<ArrayView> view_array(ObjectReader& reader, Address object) {
  const auto& f = reader.layout().array;
  const auto size = reader.word(object, f.size);
  const auto items = reader.word(object, f.items);
  const auto allocated = reader.word(object, f.allocated);
  if (!size || !items || !allocated || *size > (std::uint64_t{1} << 48)) return std::nullopt;
  return ArrayView{Address{*items}, *size, *allocated};
}

}  // namespace coreheap::python
