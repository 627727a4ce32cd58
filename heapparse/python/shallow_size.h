// sys.getsizeof from outside: the type's __sizeof__ plus the words in front of the object that
// getsizeof counts.
//
// Invariant: equal to sys.getsizeof in the target for every object whose class does not override
// __sizeof__ in Python; for those it is what the nearest C base says, and `overridden` is set.
#pragma once

#include <cstdint>
#include <optional>

#include "heapparse/python/decoder.h"

namespace coreheap::python {

struct ShallowSize {
  std::uint64_t bytes = 0;
  bool overridden = false;  // a class of the chain has a __sizeof__ written in Python
};

// What every instance of the type has, where no byte of the instance decides: most types of most
// heaps need not be read at all. nullopt: sizes vary.
std::optional<ShallowSize> fixed_shallow_size(const PythonType& type);

// nullopt when the object's own bytes do not say (damaged, or not in the image).
std::optional<ShallowSize> shallow_size(Decoder& decoder, const Object& object);

}  // namespace coreheap::python
