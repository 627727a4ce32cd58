// `all`: blocks of every state.
#include "commands/block_groups.h"
#include "commands/commands.h"

namespace coreheap::commands {

Command all_command() {
  return {
      .name = "all",
      .aliases = {},
      .summary = "blocks in use and free, by kind",
      .description =
          "`used` and `free` in one table, with the state of each group. Its total is what the\n"
          "allocators hold, their own headers and gaps left out.",
      .usage = "",
      .options = block_options(),
      .columns = block_group_columns(true),
      .group = Group::where,
      .run = [](Context& context) {
        return blocks_report(context, {.used = true, .free = true, .with_state = true});
      }};
}

}  // namespace coreheap::commands
