// Rules of the types that rules.h lists beside itertools_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> itertools_rules() { return {}; }

}  // namespace coreheap::python
