// Rules of the types that rules.h lists beside function_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> function_rules() { return {}; }

}  // namespace coreheap::python
