// The view of functions written in C.
#pragma once

#include <optional>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

// Where the machine code of the function begins.
inline std::optional<Address> builtin_function_code(ObjectReader& reader, Address function) {
  const auto definition = reader.pointer(function, reader.layout().cfunction.def);
  if (!definition) return std::nullopt;
  return reader.pointer(*definition, reader.layout().method_def.meth);
}

}  // namespace coreheap::python
