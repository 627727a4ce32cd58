// The view of `tuple`: items inside the object.
#pragma once

#include <optional>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct TupleView {
  Address items;
  std::uint64_t size = 0;
};

inline std::optional<TupleView> view_tuple(ObjectReader& reader, Address tuple) {
  const auto& f = reader.layout().tuple;
  const auto size = reader.word(tuple, f.size);
  if (!size || *size >= (std::uint64_t{1} << 48)) return std::nullopt;
  return TupleView{tuple + f.items.offset, *size};
}

}  // namespace coreheap::python
