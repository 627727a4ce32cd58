// Rules of the types that rules.h lists beside number_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> number_rules() { return {}; }

}  // namespace coreheap::python
