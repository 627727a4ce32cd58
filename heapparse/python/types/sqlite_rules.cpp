// Rules of the types that rules.h lists beside sqlite_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> sqlite_rules() { return {}; }

}  // namespace coreheap::python
