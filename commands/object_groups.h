// Live objects in groups: what `types --by` divides them by.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "commands/registry.h"
#include "heapparse/base/big_column.h"

namespace coreheap::commands {

struct ObjectGroups {
  BigColumn<std::uint32_t> of_row;  // a place in `names`; of rows without a live object anything
  std::vector<std::string> names;
};

// "clodo", "rcs", "via", "module", "owner", "size"; `type` is what `types` shows without.
struct Grouping {
  std::string_view name;
  std::string_view meaning;
  Result<ObjectGroups> (*make)(Context& context, bool with_static);
};
std::span<const Grouping> groupings();
const Grouping* find_grouping(std::string_view name);

}  // namespace coreheap::commands
