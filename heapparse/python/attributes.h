// The attributes that an object itself has, under the names the program uses: slots, values in the
// place of a dict, what its dict holds, and the fields that its C types publish. Attributes of its
// classes are not among them.
#pragma once

#include "heapparse/base/function_ref.h"
#include "heapparse/python/decoder.h"
#include "heapparse/python/reference.h"

namespace coreheap::python {

struct Attribute {
  EdgeName name;  // of kind attribute, slot or field
  Address value;
};

void for_each_attribute(Decoder& decoder, const Object& object,
                        FunctionRef<void(const Attribute&)> visit);

}  // namespace coreheap::python
