// The view of what an ElementTree element keeps beside itself, once it has attributes or children.
#pragma once

#include <optional>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct ElementExtra {
  Address address;  // a block of its own
  Address attrib;
  Address children;
  std::uint64_t count = 0;
  std::uint64_t allocated = 0;
  bool embedded = true;  // the first few children fit in it
};

inline std::optional<ElementExtra> view_element_extra(ObjectReader& reader, Address element) {
  const auto& f = reader.layout().element_extra;
  const auto extra = reader.pointer(element, reader.layout().element.extra);
  if (!extra) return std::nullopt;
  const auto attrib = reader.word(*extra, f.attrib);
  const auto count = reader.word(*extra, f.length);
  const auto allocated = reader.word(*extra, f.allocated);
  const auto children = reader.pointer(*extra, f.children);
  if (!attrib || !count || !allocated || !children) return std::nullopt;
  if (*count > *allocated || *allocated > (std::uint64_t{1} << 40)) return std::nullopt;
  return ElementExtra{*extra, Address{*attrib}, *children,
                      *count, *allocated,       *children == *extra + f.inline_children.offset};
}

}  // namespace coreheap::python
