// The view of decimal.Decimal: digits in the object, or apart when there are many.
#pragma once

#include <optional>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct DecimalView {
  Address data;
  Address own_data;             // the same, when it is an allocation of its own; else 0
  std::uint64_t allocated = 0;  // words of data
};

inline std::optional<DecimalView> view_decimal(ObjectReader& reader, Address object) {
  // libmpdec's flags of data that was not allocated: static, shared, constant. (0x10 says that the
  // number itself was not, which is so for all.)
  constexpr std::uint64_t kNotDynamic = 0xE0;
  const auto& f = reader.layout().decimal;
  const auto flags = reader.word(object, f.flags);
  const auto allocated = reader.word(object, f.alloc);
  const auto data = reader.pointer(object, f.data);
  if (!flags || !allocated || !data || *allocated >= (std::uint64_t{1} << 48)) return std::nullopt;
  DecimalView v;
  v.data = *data;
  v.allocated = *allocated;
  if ((*flags & kNotDynamic) == 0) v.own_data = *data;
  return v;
}

}  // namespace coreheap::python
