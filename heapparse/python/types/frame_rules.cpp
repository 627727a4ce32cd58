// Rules of the types that rules.h lists beside frame_rules.
#include "heapparse/python/types/rules.h"

namespace coreheap::python {

std::span<const TypeRules> frame_rules() { return {}; }

}  // namespace coreheap::python
