// `referrers`: all that refer to an object.
#include "commands/commands.h"
#include "commands/reference_lists.h"

namespace coreheap::commands {

namespace {

Result<Report> run(Context& context) { return report_references(context, Direction::referrers); }

}  // namespace

Command referrers_command() {
  return {
      .name = "referrers",
      .aliases = {},
      .summary = "everything that refers to an object",
      .description =
          "One row a holder, with the first name under which it holds the object. Roots are\n"
          "holders too: frames, modules, words of C memory. Weak references are listed last, and\n"
          "marked; they keep nothing alive. ADDR may lie inside the object or in its buffers.",
      .usage = "ADDR",
      .min_words = 1,
      .max_words = 1,
      .columns = reference_list_columns(),
      .completer = Completer::address,
      .group = Group::holders,
      .cost = Cost::graph,
      .run = run};
}

}  // namespace coreheap::commands
