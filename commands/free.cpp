// `free`: blocks that allocators keep.
#include "commands/block_groups.h"
#include "commands/commands.h"

namespace coreheap::commands {

Command free_command() {
  return {
      .name = "free",
      .aliases = {},
      .summary = "blocks that are free or cached, by kind",
      .description =
          "What the program has given back and the allocators keep: blocks and pools of pymalloc,\n"
          "chunks in bins and tops of glibc (state free), and what waits in a thread's tcache, a\n"
          "fastbin or a free list of CPython (state cached).",
      .usage = "",
      .options = block_options(),
      .columns = block_group_columns(true),
      .group = Group::where,
      .run = [](Context& context) {
        return blocks_report(context, {.used = false, .free = true, .with_state = true});
      }};
}

}  // namespace coreheap::commands
