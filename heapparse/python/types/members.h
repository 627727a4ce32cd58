// What a container holds, in the order in which the program sees it: what repr writes.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct Members {
  std::vector<Address> items;  // dicts: key and value in turn; 0: NULL
  bool cut = false;            // there are more than were asked for
  bool damaged = false;        // there are more, and they cannot be read
};

// nullopt when the object's own bytes make no sense. At most `limit` items (of dicts: pairs).
std::optional<Members> list_members(ObjectReader& reader, Address list, std::uint64_t limit);
std::optional<Members> tuple_members(ObjectReader& reader, Address tuple, std::uint64_t limit);
std::optional<Members> set_members(ObjectReader& reader, Address set, std::uint64_t limit);
std::optional<Members> dict_members(ObjectReader& reader, Address dict, std::uint64_t limit);
// start, stop, step.
std::optional<Members> slice_members(ObjectReader& reader, Address slice);
// start, stop, and step when it is not 1; only where they are objects.
std::optional<Members> range_members(ObjectReader& reader, Address range);

// A range of machine words (2.7's xrange).
struct WordRange {
  std::int64_t start = 0;
  std::int64_t step = 1;
  std::int64_t length = 0;
};
std::optional<WordRange> view_word_range(ObjectReader& reader, Address range);

}  // namespace coreheap::python
