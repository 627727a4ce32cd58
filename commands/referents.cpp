// `referents`: all that an object refers to.
#include "commands/commands.h"
#include "commands/reference_lists.h"

namespace coreheap::commands {

namespace {

Result<Report> run(Context& context) { return report_references(context, Direction::referents); }

}  // namespace

Command referents_command() {
  return {.name = "referents",
          .aliases = {"refs"},
          .summary = "everything that an object refers to",
          .description =
              "One row an object referred to, with the first name under which it is held. What\n"
              "gc.get_referents leaves out is listed too (keys, names, code); a weak reference's\n"
              "referent stands last, and marked. ADDR may lie inside the object or in its buffers.",
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
