// Rules of the types that rules.h lists beside thread_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> thread_rules() { return {}; }

}  // namespace coreheap::python
