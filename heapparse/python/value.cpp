// A stack of open containers, one item at a time; see value.h.
#include "heapparse/python/value.h"

#include <fmt/format.h>

namespace coreheap::python {

std::string value_text(Decoder& decoder, Address object, const ValueOptions&) {
  const auto known = decoder.object(object);
  if (!known) return "<unreadable>";
  return fmt::format("<{} object at {:#x}>", known->type->name, object.value);
}

}  // namespace coreheap::python
