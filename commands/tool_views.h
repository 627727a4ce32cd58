// The live objects as another tool would count them from inside the process: which it sees, under
// what names, with what sizes.
//
// Each of them sees less than there is: what the collector does not track, or what is frozen, or
// held by keys alone. These views are for comparing with a figure that somebody has from such a
// tool; `types` without --compat is what is there.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/registry.h"

namespace coreheap::commands {

struct ToolRow {
  std::string name;
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
  // Of the objects those that the tool may not be shown: only words of a C module's state lead
  // there, and which of them the module's own traversal visits nobody outside it knows.
  std::uint64_t unsure = 0;
};

struct ToolView {
  std::string_view name;     // "objgraph"
  std::string_view meaning;  // which objects, which sizes
  bool has_sizes = true;
  Result<std::vector<ToolRow>> (*make)(Context& context);
};

std::span<const ToolView> tool_views();
const ToolView* find_tool_view(std::string_view name);

}  // namespace coreheap::commands
