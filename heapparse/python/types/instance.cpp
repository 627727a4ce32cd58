// References of instances of classes written in Python: slots, the dict or the values in its place,
// and the class itself.
#include "heapparse/python/types/instance.h"

namespace coreheap::python {

void class_references(Decoder&, const Object&, ReferenceSink) {}

}  // namespace coreheap::python
