// Rules of the types that rules.h lists beside pickle_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> pickle_rules() { return {}; }

}  // namespace coreheap::python
