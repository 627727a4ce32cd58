// What a process list tells of Python without reading any memory: which processes have an
// interpreter, its minor version, what the process is to its fellows, which allocators it loads.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "heapparse/image/process_list.h"

namespace coreheap::commands {

struct PythonProcess {
  image::ListedProcess process;
  std::string version;     // "3.11"; empty where no file's name says
  std::string role;        // "gunicorn worker of 17"; empty where it cannot be told
  std::string allocators;  // "glibc, jemalloc"
};

// Those of `processes` that have an interpreter inside.
std::vector<PythonProcess> python_processes(std::vector<image::ListedProcess> processes);

}  // namespace coreheap::commands
