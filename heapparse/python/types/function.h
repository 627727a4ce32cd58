// The view of functions: what they run.
#pragma once

#include <optional>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

inline std::optional<Address> function_code(ObjectReader& reader, Address function) {
  return reader.pointer(function, reader.layout().function.code);
}

}  // namespace coreheap::python
