// Rules of the types that rules.h lists beside io_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> io_rules() { return {}; }

}  // namespace coreheap::python
