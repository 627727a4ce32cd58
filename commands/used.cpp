// `used`: blocks in use by what they hold.
#include "commands/block_groups.h"
#include "commands/commands.h"

namespace coreheap::commands {

Command used_command() {
  return {
      .name = "used",
      .aliases = {},
      .summary = "blocks in use, by domain, kind and detail",
      .description =
          "Every block that an allocator handed out and has not taken back, grouped by what it\n"
          "holds. The largest group comes first. Objects of modules' static data are left out:\n"
          "they lie in no heap.",
      .usage = "",
      .options = block_options(),
      .columns = block_group_columns(false),
      .group = Group::where,
      .run = [](Context& context) {
        return blocks_report(context, {.used = true, .free = false, .with_state = false});
      }};
}

}  // namespace coreheap::commands
