// The view of `bytes` (2.7's `str`): the bytes lie in the object.
#pragma once

#include <optional>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct BytesView {
  Address data;
  std::uint64_t size = 0;
  std::uint64_t object_bytes = 0;  // from the object's start to behind the final NUL
};

inline std::optional<BytesView> view_bytes(ObjectReader& reader, Address object) {
  const auto& f = reader.layout().bytes;
  const auto size = reader.word(object, f.size);
  if (!size || *size >= (std::uint64_t{1} << 48)) return std::nullopt;
  return BytesView{object + f.data.offset, *size, f.data.offset + *size + 1};
}

}  // namespace coreheap::python
