// Rules of the types that rules.h lists beside exception_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> exception_rules() { return {}; }

}  // namespace coreheap::python
