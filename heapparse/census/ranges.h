// Everything that is not a row: one sweep over the mappings gives each byte between rows its label.
#pragma once

#include <vector>

#include "heapparse/census/build.h"

namespace coreheap::census {

// `rows` must be final. Postcondition: extents of rows and the ranges tile every mapping.
std::vector<Range> make_ranges(const Sources& sources, const Census& census);

}  // namespace coreheap::census
