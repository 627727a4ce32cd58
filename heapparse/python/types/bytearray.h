// The view of `bytearray`: storage apart, in raw memory or (where the trait says so) in a bytes
// object.
#pragma once

#include <optional>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct BytearrayView {
  Address storage;  // start of the raw allocation; 0 when there is none or a bytes object holds it
  Address data;     // first byte in use (deleting at the front moves it)
  std::uint64_t size = 0;
  std::uint64_t allocated = 0;
};

inline std::optional<BytearrayView> view_bytearray(ObjectReader& reader, Address object) {
  const auto& f = reader.layout().bytearray;
  const auto size = reader.word(object, f.size);
  const auto bytes = reader.word(object, f.bytes);
  const auto allocated = reader.word(object, f.alloc);
  if (!size || !bytes || !allocated || *size > (std::uint64_t{1} << 48)) return std::nullopt;
  BytearrayView v;
  v.size = *size;
  v.allocated = *allocated;
  v.data = f.start.present() ? Address{reader.word(object, f.start).value_or(0)} : Address{*bytes};
  if (!reader.traits().bytearray_in_bytes_object) v.storage = Address{*bytes};
  return v;
}

}  // namespace coreheap::python
