// `version`: what is running.
#include "commands/commands.h"
#include "commands/run.h"

namespace coreheap::commands {

Command version_command() {
  return {.name = "version",
          .aliases = {},
          .summary = "version of coreheap",
          .description = "",
          .usage = "",
          .group = Group::manual,
          .cost = Cost::none,
          .needs_target = false,
          .run = [](Context&) -> Result<Report> {
            Report report;
            report.add_text("version", std::string(tool_version()) + "\n");
            return report;
          }};
}

}  // namespace coreheap::commands
