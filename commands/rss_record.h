// `rss --record`: follows a process by its counters and draws the curves at the end.
#pragma once

#include "commands/registry.h"

namespace coreheap::commands {

// Does the command line ask for a recording, or for one to be shown?
bool is_recording(const Arguments& arguments);
Result<Report> record_rss(Context& context);

}  // namespace coreheap::commands
