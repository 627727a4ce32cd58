// The text of /proc/PID/maps and smaps; GDB's gdbserver hands out the same form.
#pragma once

#include <string_view>
#include <vector>

#include "heapparse/image/image.h"

namespace coreheap::image {

// Lines that do not have the form are left out. Sorted and disjoint, as the kernel writes them.
std::vector<Mapping> read_maps(std::string_view text);

// Adds what smaps counts to the mappings that it describes at the same range.
void add_smaps(std::string_view text, std::vector<Mapping>& mappings);

}  // namespace coreheap::image
