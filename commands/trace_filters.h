// Patterns of the command line as filters of traces.
#pragma once

#include <string_view>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/usage/trace_statistics.h"

namespace coreheap::commands {

// "PATTERN[:LINE][@DOMAIN],..."; "@DOMAIN" alone looks at the domain only. Appends to `out`.
Result<void> add_trace_filters(std::string_view text, bool inclusive, bool all_frames,
                               std::vector<usage::TraceFilter>& out);

}  // namespace coreheap::commands
