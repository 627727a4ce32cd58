// The view of `set` and `frozenset`: an open hash table, embedded while it is small.
#pragma once

#include <cstring>
#include <optional>
#include <string_view>

#include "heapparse/python/object_reader.h"
#include "heapparse/python/types/bytes.h"

namespace coreheap::python {

struct SetView {
  Address table;
  std::uint64_t slots = 0;
  std::uint64_t used = 0;
  bool embedded = true;    // the table lies in the object
  bool deletions = false;  // some slots hold the filler of deleted members

  std::uint64_t table_bytes() const { return slots * 16; }
};

inline std::optional<SetView> view_set(ObjectReader& reader, Address set) {
  const auto& f = reader.layout().set;
  const auto used = reader.word(set, f.used);
  const auto fill = reader.word(set, f.fill);
  const auto mask = reader.word(set, f.mask);
  const auto table = reader.pointer(set, f.table);
  if (!used || !fill || !mask || !table) return std::nullopt;
  const std::uint64_t slots = *mask + 1;
  if (slots == 0 || (slots & *mask) != 0 || *mask >= (std::uint64_t{1} << 44)) return std::nullopt;
  if (*used > *fill || *fill > slots) return std::nullopt;
  return SetView{*table, slots, *used, *table == set + f.small_table.offset, *used != *fill};
}

// Is this the entry of a deleted member? Its hash is -1, which no object has; the oldest tables
// keep the deleted member's hash beside the filler, a str with this text and a hash of its own.
inline bool is_deleted_member(ObjectReader& reader, Address key, std::uint64_t hash) {
  constexpr std::string_view kFiller = "<dummy key>";
  if (reader.traits().set_entry_key_first) return hash == ~std::uint64_t{0};
  const auto text = view_bytes(reader, key);
  if (!text || text->size != kFiller.size()) return false;
  const auto bytes = reader.memory().bytes(text->data, kFiller.size());
  if (bytes.size() != kFiller.size() ||
      std::memcmp(bytes.data(), kFiller.data(), bytes.size()) != 0)
    return false;
  return reader.word(key, reader.layout().bytes.hash) != hash;
}

// Calls visit(key, deleted) for each slot in use, in table order.
template <class Visit>
void for_each_member(ObjectReader& reader, const SetView& set, Visit&& visit) {
  const auto& f = reader.layout().set_entry;
  for (std::uint64_t i = 0; i < set.slots; ++i) {
    const Address entry = set.table + i * f.struct_size;
    const auto key = reader.word(entry, f.key);
    const auto hash = reader.word(entry, f.hash);
    if (!key || !hash) return;  // a size beyond what there is
    if (*key == 0) continue;
    visit(Address{*key}, set.deletions && is_deleted_member(reader, Address{*key}, *hash));
  }
}

}  // namespace coreheap::python
