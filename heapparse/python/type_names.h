// Full names of types: module.qualname, bare for builtins, as the interpreter itself would say.
#pragma once

#include <string>
#include <unordered_map>

#include "heapparse/python/object_reader.h"
#include "heapparse/python/runtime.h"
#include "heapparse/python/types/type_object.h"

namespace coreheap::python {

// Types by the name they have in `builtins` and in the modules of sys.modules, for when the C
// strings of static types are out of reach (kernel cores hold no read-only data).
std::unordered_map<Address, std::string> names_in_modules(ObjectReader& reader,
                                                          const Runtime& runtime);

// Name of an old-style class (module.name), "instance" when it has none that can be read.
std::string class_name(ObjectReader& reader, Address class_object);

// The name that the type gives itself; empty where its bytes are out of reach.
std::string type_name(ObjectReader& reader, const TypeView& type);

}  // namespace coreheap::python
