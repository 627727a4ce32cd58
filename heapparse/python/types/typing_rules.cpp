// Rules of the types that rules.h lists beside typing_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> typing_rules() { return {}; }

}  // namespace coreheap::python
