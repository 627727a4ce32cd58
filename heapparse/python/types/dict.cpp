// Decoding of dict tables; see dict.h.
#include "heapparse/python/types/dict.h"

#include <algorithm>

#include "heapparse/python/types/str.h"

namespace coreheap::python {
namespace {

// No table is larger than the address space it would need.
constexpr std::uint64_t kMaxSlots = std::uint64_t{1} << 40;

bool is_power_of_two(std::uint64_t n) { return n != 0 && (n & (n - 1)) == 0; }

// dk_size slots, index width by size (3.6 to 3.10).
std::optional<DictKeysView> view_sized(ObjectReader& reader, Address keys) {
  const auto& f = reader.layout().dict_keys;
  const auto size = reader.word(keys, f.size);
  const auto count = reader.word(keys, f.nentries);
  const auto usable = reader.word(keys, f.usable);
  const auto refcount = reader.signed_word(keys, f.refcnt);
  if (!size || !count || !usable || !refcount) return std::nullopt;
  if (!is_power_of_two(*size) || *size >= kMaxSlots) return std::nullopt;
  const std::uint64_t capacity = *size * 2 / 3;
  // The static empty table has one slot and no room.
  if (*count > capacity || *usable > capacity - *count) return std::nullopt;
  const std::uint64_t index_bytes = *size <= 0xff         ? 1
                                    : *size <= 0xffff     ? 2
                                    : *size <= 0xffffffff ? 4
                                                          : 8;
  DictKeysView v;
  v.address = keys;
  v.entry_count = *count;
  v.capacity = capacity;
  v.entries = keys + f.indices.offset + *size * index_bytes;
  v.entry_bytes = reader.layout().dict_entry.struct_size;
  v.key = reader.layout().dict_entry.key;
  v.value = reader.layout().dict_entry.value;
  v.table_bytes = f.indices.offset + *size * index_bytes + capacity * v.entry_bytes;
  v.refcount = *refcount;
  v.usable = *usable;
  v.lookup = Address{reader.word(keys, f.lookup).value_or(0)};
  return v;
}

// Log2 sizes and a kind byte (3.11 on).
std::optional<DictKeysView> view_log2(ObjectReader& reader, Address keys) {
  const auto& layout = reader.layout();
  const auto& f = layout.dict_keys;
  const auto log2_size = reader.word(keys, f.log2_size);
  const auto log2_index_bytes = reader.word(keys, f.log2_index_bytes);
  const auto kind = reader.word(keys, f.kind);
  const auto count = reader.word(keys, f.nentries);
  const auto usable = reader.word(keys, f.usable);
  const auto refcount = reader.signed_word(keys, f.refcnt);
  if (!log2_size || !log2_index_bytes || !kind || !count || !usable || !refcount) {
    return std::nullopt;
  }
  if (*log2_size >= 40 || *log2_index_bytes >= 44 || *log2_index_bytes < *log2_size ||
      *kind > static_cast<std::uint64_t>(layouts::DictKeysKind::kSplit)) {
    return std::nullopt;
  }
  const std::uint64_t capacity = (std::uint64_t{1} << *log2_size) * 2 / 3;
  if (*count > capacity || *usable > capacity - *count) return std::nullopt;
  const bool general = *kind == static_cast<std::uint64_t>(layouts::DictKeysKind::kGeneral);
  const std::uint64_t index_bytes = std::uint64_t{1} << *log2_index_bytes;
  DictKeysView v;
  v.address = keys;
  v.entry_count = *count;
  v.capacity = capacity;
  v.entries = keys + f.indices.offset + index_bytes;
  v.entry_bytes = general ? layout.dict_entry.struct_size : layout.dict_unicode_entry.struct_size;
  v.key = general ? layout.dict_entry.key : layout.dict_unicode_entry.key;
  v.value = general ? layout.dict_entry.value : layout.dict_unicode_entry.value;
  v.table_bytes = f.indices.offset + index_bytes + capacity * v.entry_bytes;
  v.refcount = *refcount;
  v.usable = *usable;
  v.general = general;
  v.split = *kind == static_cast<std::uint64_t>(layouts::DictKeysKind::kSplit);
  return v;
}

// mask + 1 entries, embedded or not (2.7).
std::optional<DictView> view_embedded(ObjectReader& reader, Address dict) {
  const auto& layout = reader.layout();
  const auto& f = layout.dict;
  const auto used = reader.word(dict, f.used);
  const auto fill = reader.word(dict, f.fill);
  const auto mask = reader.word(dict, f.mask);
  const auto table = reader.pointer(dict, f.table);
  if (!used || !fill || !mask || !table) return std::nullopt;
  if (!is_power_of_two(*mask + 1) || *mask >= kMaxSlots || *used > *fill || *fill > *mask + 1) {
    return std::nullopt;
  }
  DictView v;
  v.used = *used;
  v.keys.general = true;
  v.keys.address = *table;
  v.keys.entry_count = v.keys.capacity = *mask + 1;
  v.keys.entries = *table;
  v.keys.entry_bytes = layout.dict_entry.struct_size;
  v.keys.key = layout.dict_entry.key;
  v.keys.value = layout.dict_entry.value;
  if (*table != dict + f.small_table.offset) {
    v.own_table = *table;
    v.keys.table_bytes = v.keys.capacity * v.keys.entry_bytes;
  }
  return v;
}

}  // namespace

std::optional<DictKeysView> view_dict_keys(ObjectReader& reader, Address keys) {
  switch (reader.traits().dict_form) {
    case layouts::DictForm::kKeysObjectSized:
      return view_sized(reader, keys);
    case layouts::DictForm::kKeysObjectLog2:
      return view_log2(reader, keys);
    case layouts::DictForm::kEmbeddedTable:
      break;
  }
  return std::nullopt;
}

std::optional<DictView> view_dict(ObjectReader& reader, Address dict) {
  if (reader.traits().dict_form == layouts::DictForm::kEmbeddedTable) {
    return view_embedded(reader, dict);
  }
  const auto& layout = reader.layout();
  const auto used = reader.word(dict, layout.dict.used);
  const auto keys = reader.pointer(dict, layout.dict.keys);
  if (!used || !keys) return std::nullopt;
  const auto table = view_dict_keys(reader, *keys);
  if (!table) return std::nullopt;
  DictView v;
  v.used = *used;
  v.keys = *table;
  if (const auto values = reader.pointer(dict, layout.dict.values)) {
    v.values_object = *values;
    v.values = reader.traits().dict_values_have_header ? *values + layout.dict_values.values.offset
                                                       : *values;
    v.values_in_instance = reader.word(*values, layout.dict_values.embedded).value_or(0) != 0;
  }
  if (v.used > v.keys.capacity) return std::nullopt;
  return v;
}

std::uint64_t next_entry_at_hand(ObjectReader& reader, const DictKeysView& keys,
                                 std::uint64_t entry) {
  const Address at = keys.entries + entry * keys.entry_bytes;
  const auto pieces = reader.memory().space().pieces();
  const auto piece =
      std::upper_bound(pieces.begin(), pieces.end(), at,
                       [](Address a, const image::Piece& p) { return a < p.range.begin; });
  if (piece == pieces.end()) return keys.entry_count;
  const std::uint64_t there = (piece->range.begin - keys.entries) / keys.entry_bytes;
  return std::clamp(there, entry + 1, keys.entry_count);
}

std::optional<Address> dict_lookup(ObjectReader& reader, Address dict, std::string_view key) {
  const auto view = view_dict(reader, dict);
  if (!view) return std::nullopt;
  std::optional<Address> found;
  for_each_item(reader, *view, [&](Address k, Address value) {
    const auto text = name_text(reader, k, key.size() + 1);
    if (text && *text == key) {
      found = value;
      return false;
    }
    return true;
  });
  return found;
}

}  // namespace coreheap::python
