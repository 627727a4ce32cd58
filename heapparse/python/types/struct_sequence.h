// Struct sequences (os.stat_result, time.struct_time): tuples that show only their first fields.
// The fields behind ob_size are known from the member definitions of their type.
#pragma once

#include <algorithm>
#include <cstdint>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct SequenceField {
  std::uint64_t index = 0;
  Address name;  // C string
};

// Calls visit(SequenceField) for each named field of the struct sequence type at `type`.
template <class Visit>
void for_each_sequence_field(ObjectReader& reader, Address type, Visit&& visit) {
  constexpr std::uint64_t kMostFields = 1024;
  const auto& f = reader.layout().member_def;
  const auto members = reader.pointer(type, reader.layout().type.members);
  const std::uint64_t items = reader.layout().struct_sequence.items.offset;
  if (!members) return;
  for (std::uint64_t i = 0; i < kMostFields; ++i) {
    const Address member = *members + i * f.struct_size;
    const auto name = reader.pointer(member, f.name);
    const auto offset = reader.word(member, f.offset);
    if (!name || !offset) return;
    if (*offset < items || *offset % 8 != 0 || *offset >= items + kMostFields * 8) continue;
    visit(SequenceField{(*offset - items) / 8, *name});
  }
}

}  // namespace coreheap::python
