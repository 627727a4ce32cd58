// The view of what a type keeps of its subclasses: a list of weak references, or a dict of them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "heapparse/python/object_reader.h"
#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/list.h"
#include "heapparse/python/types/type_object.h"

namespace coreheap::python {

// Calls visit(address) for each subclass that is alive, in the order in which they were made (but
// in a list one that came later takes the place of one that is gone). Not for static types whose
// subclasses the interpreters keep.
template <class Visit>
void for_each_subclass(ObjectReader& reader, const TypeView& base, Visit&& visit) {
  constexpr std::uint64_t kMost = 1 << 20;
  const auto visit_reference = [&](Address reference) {
    if (const auto one = reader.pointer(reference, reader.layout().weakref.object)) visit(*one);
    return true;
  };
  const Address subclasses{base.subclasses};
  if (reader.traits().subclasses_is_list) {
    const auto list = view_list(reader, subclasses);
    for (std::uint64_t i = 0; list && i < std::min(list->size, kMost); ++i) {
      if (const auto item = reader.memory().read_address(list->items + i * 8)) {
        visit_reference(*item);
      }
    }
  } else if (const auto dict = view_dict(reader, subclasses)) {
    for_each_item(reader, *dict, [&](Address, Address value) { return visit_reference(value); });
  }
}

}  // namespace coreheap::python
