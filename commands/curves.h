// A recording drawn: a line of characters a counter, or stacked areas as SVG.
#pragma once

#include <string>

#include "commands/report.h"
#include "heapparse/usage/recording.h"

namespace coreheap::commands {

// A line a sample.
Table recording_table(const usage::Recording& recording);
// First, last, largest, growth an hour, and the curve, within 80 columns.
std::string curves_screen(const usage::Recording& recording);
std::string curves_picture(const usage::Recording& recording);

}  // namespace coreheap::commands
