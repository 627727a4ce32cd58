// Rules of the types that rules.h lists beside iterator_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> iterator_rules() { return {}; }

}  // namespace coreheap::python
