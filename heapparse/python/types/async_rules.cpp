// Rules of the types that rules.h lists beside async_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> async_rules() { return {}; }

}  // namespace coreheap::python
