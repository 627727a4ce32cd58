// Rules of the types that rules.h lists beside regex_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> regex_rules() { return {}; }

}  // namespace coreheap::python
