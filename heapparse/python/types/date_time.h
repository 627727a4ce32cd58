// The view of datetime.time and datetime.datetime: how long they are, and their time zone.
#pragma once

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

// Naive ones are allocated without the tzinfo word that ends the struct. `declared` is the type's
// basic size; both structs keep has_tzinfo at one place, and tzinfo is the last word of what is
// declared.
inline std::uint64_t date_time_bytes(ObjectReader& reader, Address object, std::uint64_t declared) {
  const auto aware = reader.word(object, reader.layout().date_time.has_tzinfo);
  if (!aware || *aware != 0 || declared < 8) return declared;
  return declared - 8;
}

// The time zone of an aware object; naive ones end before the field.
inline std::optional<Address> aware_zone(ObjectReader& reader, Address object,
                                         const layouts::Field& has_zone,
                                         const layouts::Field& zone) {
  const auto aware = reader.word(object, has_zone);
  if (!aware || *aware == 0) return std::nullopt;
  return reader.pointer(object, zone);
}

}  // namespace coreheap::python
