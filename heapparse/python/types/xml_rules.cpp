// Rules of the types that rules.h lists beside xml_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> xml_rules() { return {}; }

}  // namespace coreheap::python
