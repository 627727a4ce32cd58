// Rules of the types that rules.h lists beside module_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> module_rules() { return {}; }

}  // namespace coreheap::python
