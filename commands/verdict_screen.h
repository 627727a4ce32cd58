// VERDICT: its lines, on screen and for machines.
#pragma once

#include <string>
#include <vector>

#include "commands/table.h"
#include "heapparse/usage/verdict.h"

namespace coreheap::commands {

Table verdict_table(const std::vector<usage::VerdictLine>& lines);
std::string verdict_screen(const std::vector<usage::VerdictLine>& lines);

}  // namespace coreheap::commands
