// What any report may say of an object's header, without knowing layouts.
#pragma once

#include <optional>
#include <string>

#include "heapparse/image/address_space.h"
#include "heapparse/python/object_reader.h"
#include "heapparse/python/runtime.h"

namespace coreheap::python {

inline std::optional<ObjectHeader> read_object(const image::AddressSpace& space,
                                               const Runtime& runtime, Address object) {
  ObjectReader reader(space, *runtime.layout);
  return reader.header(object);
}

// "immortal", or the count in decimal.
inline std::string refcount_text(const ObjectHeader& header) {
  return header.refcount.immortal ? "immortal" : std::to_string(header.refcount.count);
}

}  // namespace coreheap::python
