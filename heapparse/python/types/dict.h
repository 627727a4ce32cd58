// The view of `dict` in every table form: 2.7's entry table, keys objects with their index tables,
// split tables with separate values.
//
// Validated when made: the table's size, its entries and its place agree; iteration is bounded by
// the table that was validated.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct DictKeysView {
  Address address;                // of the keys object
  std::uint64_t entry_count = 0;  // entries ever used (nentries); bound of an iteration
  std::uint64_t capacity = 0;     // entries that fit
  Address entries;                // first entry
  std::uint32_t entry_bytes = 24;
  layouts::Field key;  // inside an entry
  layouts::Field value;
  std::uint64_t table_bytes = 0;  // whole allocation of the keys object
  std::int64_t refcount = 1;
  bool split =
      false;  // this table's values are held elsewhere (known only where the kind is stored)
};

struct DictView {
  std::uint64_t used = 0;
  DictKeysView keys;
  // Split dicts: where values lie, one word an entry; 0 for combined ones.
  Address values;
  // What the dict points to for them: in front of `values` where they have a header.
  Address values_object;
  // 2.7: the table, when it is not the one embedded in the object; else 0.
  Address own_table;
};

std::optional<DictKeysView> view_dict_keys(ObjectReader& reader, Address keys);
std::optional<DictView> view_dict(ObjectReader& reader, Address dict);

// The first entry behind `entry` whose bytes may be in the image: a table of damaged size reaches
// far beyond what there is.
std::uint64_t next_entry_at_hand(ObjectReader& reader, const DictKeysView& keys,
                                 std::uint64_t entry);

// Calls visit(key, value) for each item in insertion order (2.7: table order) until it returns
// false.
template <class Visit>
void for_each_item(ObjectReader& reader, const DictView& dict, Visit&& visit) {
  const auto& keys = dict.keys;
  for (std::uint64_t i = 0; i < keys.entry_count; ++i) {
    const Address entry = keys.entries + i * keys.entry_bytes;
    const auto word = reader.word(entry, keys.key);
    if (!word) {
      i = next_entry_at_hand(reader, keys, i) - 1;
      continue;
    }
    if (*word == 0) continue;
    const Address key{*word};
    std::optional<Address> value;
    if (dict.values) {
      const auto held = reader.memory().read<std::uint64_t>(dict.values + i * 8);
      if (held && *held != 0) value = Address{*held};
    } else {
      value = reader.pointer(entry, keys.value);
    }
    if (!value) continue;  // deleted
    if (!visit(key, *value)) return;
  }
}

// The value under a str (or 2.7 byte string) key.
std::optional<Address> dict_lookup(ObjectReader& reader, Address dict, std::string_view key);

}  // namespace coreheap::python
