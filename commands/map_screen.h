// A memory map drawn: characters within 80 columns, or an SVG.
#pragma once

#include <string>

#include "commands/table.h"
#include "heapparse/usage/memory_map.h"

namespace coreheap::commands {

std::vector<Column> map_columns();
Table map_table(const usage::MemoryMap& map);
std::string map_screen(const usage::MemoryMap& map);
std::string map_picture(const usage::MemoryMap& map, std::string_view title);

// The blocks of one pool, a character each.
std::string pool_screen(const census::Census& census, const pymalloc::Geometry& geometry,
                        const pymalloc::Pool& pool);

}  // namespace coreheap::commands
