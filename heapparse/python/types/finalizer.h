// Does a class have a __del__ of its own or of a base, written in Python?
#pragma once

#include "heapparse/python/decoder.h"

namespace coreheap::python {

bool has_python_finalizer(Decoder& decoder, const PythonType& type);

}  // namespace coreheap::python
