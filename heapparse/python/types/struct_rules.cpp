// Rules of the types that rules.h lists beside struct_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> struct_rules() { return {}; }

}  // namespace coreheap::python
