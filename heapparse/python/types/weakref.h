// The view of weak references: whom they refer to without holding it.
#pragma once

#include <optional>

#include "heapparse/python/decoder.h"

namespace coreheap::python {

// Is this type a weak reference, a proxy or derived from one? Decided once a type.
bool is_weak_reference(const PythonType& type);

// Who is referred to; nullopt when that is dead.
std::optional<Address> weak_referent(Decoder& decoder, Address weak_reference);

}  // namespace coreheap::python
