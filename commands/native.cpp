// `native`: native bytes by who holds them: the type of the object that they are charged to.
#include "commands/commands.h"
#include "commands/native_memory.h"
#include "commands/screens.h"

namespace coreheap::commands {

namespace {

Result<Report> run(Context& context) {
  auto opened = GraphView::open(context);
  if (!opened) return std::unexpected(opened.error());
  GraphView& view = **opened;
  const auto memory = native_memory(context, view);
  if (!memory) return std::unexpected(memory.error());
  Report report = report_on(view.target(), view.census());
  report.add("native", "", native_table(view, *memory));
  report.next = {{"orphans", "blocks that nothing points to, by size"},
                 {"sizes", "block sizes: which one stands out"}};
  return report;
}

}  // namespace

Command native_command() {
  return {
      .name = "native",
      .aliases = {},
      .summary = "native memory by the type of the objects that hold it",
      .description =
          "Each native block counts for one holder: the compressor whose window it is, the\n"
          "connection whose page cache it is. That a block is held is a matter of words that are\n"
          "its address (where there are none, of words into its middle), and some words are\n"
          "stale. So blocks that lead to each other count as one structure, and of a structure\n"
          "the objects of that package are the holders from which most words lead into it; each\n"
          "block is then the nearest one's. Blocks that no object leads to count for the root: C\n"
          "globals of a file, stacks, or (orphan block), to which nothing points. Raw memory that "
          "the\n"
          "census knows to be an object's own (states of compressors, ctypes data, bytes of\n"
          "arrays) stands in a column beside.",
      .usage = "",
      .columns = native_columns(),
      .group = Group::holders,
      .cost = Cost::dominators,
      .run = run};
}

}  // namespace coreheap::commands
