// WHERE: the waterfall as a table, on screen and for machines. The figures of a column add up as
// printed.
#pragma once

#include <string>
#include <vector>

#include "commands/table.h"
#include "heapparse/usage/waterfall.h"

namespace coreheap::commands {

std::vector<Column> where_columns();
Table where_table(const usage::Waterfall& waterfall);
// Bars, percents and the sum, within 80 columns.
std::string where_screen(const usage::Waterfall& waterfall);

}  // namespace coreheap::commands
