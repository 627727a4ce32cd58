// Rules of the types that rules.h lists beside context_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> context_rules() { return {}; }

}  // namespace coreheap::python
