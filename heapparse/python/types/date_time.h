// The view of datetime.time and datetime.datetime: for now, how long they are.
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

}  // namespace coreheap::python
