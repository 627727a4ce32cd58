// Rules of the types that rules.h lists beside compression_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> compression_rules() { return {}; }

}  // namespace coreheap::python
