// The control group of the target: a table that adds up to the group's own figure, and the POD
// lines of the first screen.
#pragma once

#include <string>

#include "commands/report.h"
#include "heapparse/image/cgroup.h"

namespace coreheap::commands {

Table cgroup_table(const image::Cgroup& group);
KeyValues cgroup_values(const image::Cgroup& group);

// "POD 1,912 of 2,048 MiB (93 %)  =  this process 1,846  + 3 others 56  + ..." and a second line.
std::string pod_lines(const image::Cgroup& group);

}  // namespace coreheap::commands
