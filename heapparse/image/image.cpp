// Lookups in an opened image.
#include "heapparse/image/image.h"

#include <algorithm>

#include "heapparse/image/ranges.h"

namespace coreheap::image {

std::uint64_t Residency::bytes_in(AddressRange range) const {
  return image::bytes_in(resident, range);
}

const Mapping* Image::mapping_at(Address a) const {
  const auto it = std::upper_bound(mappings.begin(), mappings.end(), a,
                                   [](Address x, const Mapping& m) { return x < m.range.end; });
  return it != mappings.end() && it->range.begin <= a ? &*it : nullptr;
}

const Module* Image::module_at(Address a) const {
  const Mapping* mapping = mapping_at(a);
  if (mapping != nullptr && mapping->module >= 0) {
    return &modules[static_cast<std::size_t>(mapping->module)];
  }
  // .bss that grew into a mapping of its own, merged with its anonymous neighbours.
  for (const Module& module : modules) {
    for (const AddressRange& data : module.data) {
      if (data.contains(a)) return &module;
    }
  }
  return nullptr;
}

}  // namespace coreheap::image
