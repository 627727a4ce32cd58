// Rules of the types that rules.h lists beside extension_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> extension_rules() { return {}; }

}  // namespace coreheap::python
