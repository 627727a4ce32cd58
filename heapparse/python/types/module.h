// The view of module objects.
#pragma once

#include <optional>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

// The module's namespace; nullopt for an object that only poses as a module without having a dict.
inline std::optional<Address> module_dict(ObjectReader& reader, Address module) {
  return reader.pointer(module, reader.layout().module.dict);
}

}  // namespace coreheap::python
