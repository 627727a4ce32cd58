// Members of containers; see members.h. Every loop ends with the bytes that are there.
#include "heapparse/python/types/members.h"

#include <algorithm>
#include <array>

#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/list.h"
#include "heapparse/python/types/long_int.h"
#include "heapparse/python/types/set.h"
#include "heapparse/python/types/tuple.h"

namespace coreheap::python {
namespace {

Members words_at(ObjectReader& reader, Address at, std::uint64_t count, std::uint64_t limit) {
  Members out;
  out.cut = count > limit;
  count = std::min(count, limit);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto word = reader.memory().read<std::uint64_t>(at + i * 8);
    if (!word) {
      out.damaged = true;
      break;
    }
    out.items.push_back(Address{*word});
  }
  return out;
}

// Values that several instances' keys describe are kept in the order of the keys; beside them
// stands in which order this one got its own (3.11 on; before, both orders were the same).
std::optional<std::uint8_t> place_in_order(ObjectReader& reader, const DictView& dict,
                                           std::uint64_t i) {
  if (reader.traits().dict_values_have_header) {
    const auto capacity = reader.word(dict.values_object, reader.layout().dict_values.capacity);
    if (!capacity || i >= *capacity) return std::nullopt;
    return reader.memory().read<std::uint8_t>(dict.values + *capacity * 8 + i);
  }
  return reader.memory().read<std::uint8_t>(dict.values - 3 - i);
}

void split_dict_members(ObjectReader& reader, const DictView& dict, std::uint64_t limit,
                        Members& out) {
  for (std::uint64_t i = 0; i < std::min(dict.used, limit); ++i) {
    const auto place = place_in_order(reader, dict, i);
    if (!place || *place >= dict.keys.entry_count) {
      out.damaged = true;
      return;
    }
    const auto key = reader.word(dict.keys.entries + *place * dict.keys.entry_bytes, dict.keys.key);
    const auto value = reader.memory().read<std::uint64_t>(dict.values + std::uint64_t{*place} * 8);
    if (!key || !value) {
      out.damaged = true;
      return;
    }
    out.items.push_back(Address{*key});
    out.items.push_back(Address{*value});
  }
}

template <std::size_t kCount>
std::optional<Members> fields_of(ObjectReader& reader, Address object,
                                 const std::array<layouts::Field, kCount>& fields) {
  Members out;
  for (const layouts::Field& field : fields) {
    const auto word = reader.word(object, field);
    if (!word) return std::nullopt;
    out.items.push_back(Address{*word});
  }
  return out;
}

}  // namespace

std::optional<Members> list_members(ObjectReader& reader, Address list, std::uint64_t limit) {
  const auto view = view_list(reader, list);
  if (!view) return std::nullopt;
  return words_at(reader, view->items, view->size, limit);
}

std::optional<Members> tuple_members(ObjectReader& reader, Address tuple, std::uint64_t limit) {
  const auto view = view_tuple(reader, tuple);
  if (!view) return std::nullopt;
  return words_at(reader, view->items, view->size, limit);
}

std::optional<Members> set_members(ObjectReader& reader, Address set, std::uint64_t limit) {
  const auto view = view_set(reader, set);
  if (!view) return std::nullopt;
  Members out;
  out.cut = view->used > limit;
  if (view->used == 0) return out;
  for_each_member(reader, *view, [&](Address key, bool deleted) {
    if (!deleted && out.items.size() < limit) out.items.push_back(key);
  });
  out.damaged = out.items.size() < std::min(view->used, limit);
  return out;
}

std::optional<Members> dict_members(ObjectReader& reader, Address dict, std::uint64_t limit) {
  const auto view = view_dict(reader, dict);
  if (!view) return std::nullopt;
  Members out;
  out.cut = view->used > limit;
  if (view->used == 0) return out;
  const bool ordered_apart =
      reader.traits().values_have_prefix || reader.traits().dict_values_have_header;
  if (view->values && ordered_apart) {
    split_dict_members(reader, *view, limit, out);
    return out;
  }
  const std::uint64_t wanted = std::min(view->used, limit);
  for_each_item(reader, *view, [&](Address key, Address value) {
    if (out.items.size() / 2 >= wanted) return false;
    out.items.push_back(key);
    out.items.push_back(value);
    return true;
  });
  out.damaged = out.items.size() / 2 < wanted;
  return out;
}

std::optional<Members> slice_members(ObjectReader& reader, Address slice) {
  const auto& f = reader.layout().slice;
  return fields_of(reader, slice, std::array{f.start, f.stop, f.step});
}

std::optional<Members> range_members(ObjectReader& reader, Address range) {
  const auto& f = reader.layout().range;
  auto out = fields_of(reader, range, std::array{f.start, f.stop, f.step});
  if (out && long_value(reader, out->items[2]) == 1) out->items.pop_back();
  return out;
}

std::optional<WordRange> view_word_range(ObjectReader& reader, Address range) {
  const auto& f = reader.layout().range;
  const auto start = reader.signed_word(range, f.start);
  const auto step = reader.signed_word(range, f.step);
  const auto length = reader.signed_word(range, f.length);
  if (!start || !step || !length) return std::nullopt;
  return WordRange{*start, *step, *length};
}

}  // namespace coreheap::python
