// The view of array.array.
#pragma once

#include <optional>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct ArrayView {
  Address items;  // 0 when empty
  std::uint64_t size = 0;
  std::uint64_t allocated = 0;
  Address descr;  // static description of the item type
};

inline std::optional<ArrayView> view_array(ObjectReader& reader, Address object) {
  const auto& f = reader.layout().array;
  const auto size = reader.word(object, f.size);
  const auto items = reader.word(object, f.items);
  const auto allocated = reader.word(object, f.allocated);
  if (!size || !items || !allocated || *size > (std::uint64_t{1} << 48)) return std::nullopt;
  const Address descr{reader.word(object, f.descr).value_or(0)};
  return ArrayView{Address{*items}, *size, *allocated, descr};
}

// Bytes of one item; nullopt when the module's data is not in the image.
inline std::optional<std::uint64_t> item_bytes(ObjectReader& reader, const ArrayView& array) {
  const auto bytes = reader.word(array.descr, reader.layout().array_descr.itemsize);
  if (!bytes || *bytes == 0 || *bytes > 16) return std::nullopt;
  return bytes;
}

}  // namespace coreheap::python
