// Which rules apply to the instances of each type: the chain of layers from the type down to
// `object`.
//
// A class written in Python is told from a C type by the function that frees its instances: all
// classes share one (subtype_dealloc), and it is the one that most heap types have. No symbol is
// needed.
#pragma once

#include <vector>

#include "heapparse/python/object_reader.h"
#include "heapparse/python/runtime.h"
#include "heapparse/python/type_table.h"

namespace coreheap::python {

// `types` is sorted by address; fills what PythonType says of classes, __sizeof__ and layers, and
// names core types whose name is out of reach but whose flags say it.
void attach_layers(ObjectReader& reader, const Runtime& runtime, std::vector<PythonType>& types);

}  // namespace coreheap::python
