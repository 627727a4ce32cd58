// Rules of the types that rules.h lists beside ctypes_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> ctypes_rules() { return {}; }

}  // namespace coreheap::python
