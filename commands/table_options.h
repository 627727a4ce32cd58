// The options that every table understands, checked before the work starts and applied after it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "commands/registry.h"

namespace coreheap::commands {

struct TableRequest {
  Format format = Format::text;
  std::optional<std::uint64_t> limit;  // UINT64_MAX: all
  std::string sort_column;
  std::optional<bool> descending;
  std::vector<std::string> columns;
  std::string output;
};

Result<TableRequest> table_request(const Command& command, const Arguments& arguments);

// Columns and order concern the main table, the limit all tables. Errors: usage, for a column that
// the table does not have.
Result<void> apply(const TableRequest& request, Report& report);

inline constexpr std::uint64_t kTextLimit = 20;

}  // namespace coreheap::commands
