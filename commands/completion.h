// Completion of a partly typed command line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "commands/registry.h"

namespace coreheap::commands {

// Candidates for the last word of `line` (the words after `heap`); empty where a shell or GDB knows
// better (files, addresses).
std::vector<std::string> completions(std::string_view line);

}  // namespace coreheap::commands
