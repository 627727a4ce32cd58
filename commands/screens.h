// What reports of a target have in common: its name, its coverage, its findings.
#pragma once

#include <string>

#include "commands/report.h"
#include "commands/target.h"

namespace coreheap::commands {

// A report that names its target and states what the census does not cover.
Report report_on(const Target& target, const census::Census& census);
Report report_on(const Target& target);

// "12.3 MiB (1.2 %) in use but unnamed, 0 B unread, 0 B damaged"
std::string coverage_text(const census::Coverage& coverage);

}  // namespace coreheap::commands
