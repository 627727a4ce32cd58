// len(x), x[i] and x[key] from outside.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "heapparse/python/decoder.h"

namespace coreheap::python {

// len() of str, bytes, bytearray, tuple, list, dict, set, frozenset, deque, OrderedDict, array and
// their subclasses. nullopt: of no such type, or its bytes make no sense.
std::optional<std::uint64_t> length_of(Decoder& decoder, const Object& object);

// Items there is room for without growing: of list, dict, set, array, bytearray.
std::optional<std::uint64_t> capacity_of(Decoder& decoder, const Object& object);

// The item at `index` of a list, tuple or deque; negative ones count from the end.
std::optional<Address> item_at(Decoder& decoder, const Object& object, std::int64_t index);

// What a dict or OrderedDict has under a key that is a str (2.7: or byte string), or an int.
std::optional<Address> item_under(Decoder& decoder, const Object& object, std::string_view key);
std::optional<Address> item_under(Decoder& decoder, const Object& object, std::int64_t key);

}  // namespace coreheap::python
