// Where ctypes keeps what it knows about a type: in a dict subclass that took the place of the
// type's dict (up to 3.12), or in data behind the type object that its metatype declared (3.13 on).
#pragma once

#include <optional>

#include "heapparse/python/decoder.h"

namespace coreheap::python {

// The tables of a ctypes type, as its own __sizeof__ counts them; `info` is a StgDict or a StgInfo.
struct CtypesTables {
  Address format;    // C string, 0 when there is none
  Address elements;  // of libffi's description
  Address shape;
  std::uint64_t length = 0;  // of elements, without the one that ends them
  std::uint64_t dimensions = 0;
};

inline std::optional<CtypesTables> view_ctypes_tables(ObjectReader& reader, Address info) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 32;
  const auto& f = reader.layout().ctypes_info;
  CtypesTables v;
  v.format = reader.pointer(info, f.format).value_or(Address{});
  v.elements = reader.pointer(info, f.ffi_elements).value_or(Address{});
  v.shape = reader.pointer(info, f.shape).value_or(Address{});
  const auto length = reader.word(info, f.length);
  const auto dimensions = reader.word(info, f.ndim);
  if (!length || !dimensions || *length > kMost || *dimensions > kMost) return std::nullopt;
  v.length = *length;
  v.dimensions = *dimensions;
  return v;
}

// The data behind a ctypes type object; nullopt where that form is not used, and for abstract
// types, which have none. `declared` is the size of the type objects below its metatype's own
// layer.
inline std::optional<Address> ctypes_type_data(ObjectReader& reader, Address type,
                                               std::uint32_t declared) {
  const auto& f = reader.layout().ctypes_info;
  if (!f.initialized.present()) return std::nullopt;
  const Address info = type + (declared + 15) / 16 * 16;
  const auto initialized = reader.word(info, f.initialized);
  if (!initialized || *initialized == 0) return std::nullopt;
  return info;
}

}  // namespace coreheap::python
