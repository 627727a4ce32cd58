// Small steps that the rules of most C types take: a field that holds raw memory, a table of
// pointers, a field that is a pointer in some versions only.
#pragma once

#include <cstdint>

#include "heapparse/python/type_rules.h"

namespace coreheap::python {

// The field where it has the size of a pointer: an int or a struct in other versions is none.
constexpr layouts::Field pointer_only(const layouts::Field& field) {
  return field.size == 8 ? field : layouts::Field{};
}

// Raw memory that `field` points to, if it is a pointer and not NULL.
inline void own_buffer(Decoder& decoder, const Object& object, const layouts::Field& field,
                       BufferKind kind, BufferSink visit) {
  if (field.size != 8) return;
  const auto start = decoder.reader().pointer(object.address, field);
  if (start) visit({kind, *start});
}

// The object that the word at `at` points to.
inline void hold_word(Decoder& decoder, Address at, const EdgeName& name, ReferenceSink visit,
                      SkipCause skipped = SkipCause::none) {
  const auto target = decoder.memory().read_address(at);
  if (target && *target) visit({*target, name, skipped});
}

// Objects of a table of pointers, [0, count), as items; `stride` bytes apart where the pointers are
// fields of larger entries. Ends where the image does: a damaged count costs no more than that.
inline void hold_table(Decoder& decoder, Address table, std::uint64_t count, ReferenceSink visit,
                       SkipCause skipped = SkipCause::none, std::uint64_t stride = 8) {
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto target = decoder.memory().read_address(table + i * stride);
    if (!target) return;
    if (*target) visit({*target, {.kind = EdgeKind::item, .index = i}, skipped});
  }
}

}  // namespace coreheap::python
