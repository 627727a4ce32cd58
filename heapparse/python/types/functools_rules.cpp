// Rules of the types that rules.h lists beside functools_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> functools_rules() { return {}; }

}  // namespace coreheap::python
