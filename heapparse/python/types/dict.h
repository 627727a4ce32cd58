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
  std::uint64_t usable = 0;  // entries that still fit
  bool split =
      false;  // this table's values are held elsewhere (known only where the kind is stored)
  // Keys need not be str (known only where the kind is stored; else `lookup` tells).
  bool general = false;
  Address lookup;  // function that searches this table; 0 where the kind is stored
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
  // The values are those of an instance, which lies around them.
  bool values_in_instance = false;
};

std::optional<DictKeysView> view_dict_keys(ObjectReader& reader, Address keys);
std::optional<DictView> view_dict(ObjectReader& reader, Address dict);

// The first entry behind `entry` whose bytes may be in the image: a table of damaged size reaches
// far beyond what there is.
std::uint64_t next_entry_at_hand(ObjectReader& reader, const DictKeysView& keys,
                                 std::uint64_t entry);

// Calls visit(index, key, value) for each entry ever used, in insertion order (2.7: table order),
// until it returns false. Key and value are 0 where there is none.
template <class Visit>
void for_each_entry(ObjectReader& reader, const DictView& dict, Visit&& visit) {
  const auto& keys = dict.keys;
  for (std::uint64_t i = 0; i < keys.entry_count; ++i) {
    const Address entry = keys.entries + i * keys.entry_bytes;
    const auto key = reader.word(entry, keys.key);
    if (!key) {
      i = next_entry_at_hand(reader, keys, i) - 1;
      continue;
    }
    const auto value = dict.values ? reader.memory().read<std::uint64_t>(dict.values + i * 8)
                                   : reader.word(entry, keys.value);
    if (!visit(i, Address{*key}, Address{value.value_or(0)})) return;
  }
}

// Calls visit(key, value) for each item in insertion order (2.7: table order) until it returns
// false.
template <class Visit>
void for_each_item(ObjectReader& reader, const DictView& dict, Visit&& visit) {
  for_each_entry(reader, dict, [&](std::uint64_t, Address key, Address value) {
    if (!key || !value) return true;  // never used, or deleted
    return static_cast<bool>(visit(key, value));
  });
}

// The value under a str (or 2.7 byte string) key.
std::optional<Address> dict_lookup(ObjectReader& reader, Address dict, std::string_view key);

}  // namespace coreheap::python
