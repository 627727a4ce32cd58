// The view of descriptors that C types bring: methods, members, wrappers.
#pragma once

#include <optional>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

// The type whose attribute it is.
inline std::optional<Address> descriptor_owner(ObjectReader& reader, Address descriptor) {
  return reader.pointer(descriptor, reader.layout().descriptor.type);
}

}  // namespace coreheap::python
