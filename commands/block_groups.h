// Blocks by what they hold: the table of `used`, `free` and `all`.
#pragma once

#include "commands/registry.h"

namespace coreheap::commands {

// Which states a command is about.
struct BlockChoice {
  bool used = false;
  bool free = false;  // and cached
  bool with_state = false;
};

std::vector<Column> block_group_columns(bool with_state);
std::vector<OptionSpec> block_options();

// Groups by domain, kind, detail; with --rows the blocks themselves, one a line.
Result<Report> blocks_report(Context& context, BlockChoice choice);

}  // namespace coreheap::commands
