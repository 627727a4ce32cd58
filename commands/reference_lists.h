// The references from and to one object; names are decoded when a row is shown.
#pragma once

#include <memory>
#include <vector>

#include "commands/graph_view.h"
#include "commands/table.h"

namespace coreheap::commands {

// number, name, address, type, label, size, strength, times
std::vector<Column> reference_list_columns();

enum class Direction : std::uint8_t { referents, referrers };

// The report of `referents` and `referrers`: all that the object of the first word refers to, or
// that refers to it.
Result<Report> report_references(Context& context, Direction direction);

}  // namespace coreheap::commands
