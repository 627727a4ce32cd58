// The processes of this machine, as far as /proc shows them to this user: nothing is opened that
// could stop or change one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace coreheap::image {

struct ListedProcess {
  std::uint64_t pid = 0;
  std::uint64_t parent = 0;
  std::uint64_t uid = 0;
  std::string name;        // comm
  std::string executable;  // path as the process names it; empty: out of reach
  std::vector<std::string> arguments;
  std::optional<std::uint64_t> rss;  // bytes
  std::optional<std::uint64_t> pss;  // bytes; absent where smaps_rollup is out of reach
  std::vector<std::string> files;    // mapped, each once, sorted; empty: maps is out of reach
};

// By PID; kernel threads and processes that end meanwhile are left out. `root` is prefixed to
// /proc, for tests.
std::vector<ListedProcess> list_processes(const std::string& root = {});
// Fills in `pss`, which costs a walk over the page tables.
void read_pss(ListedProcess& process, const std::string& root = {});

}  // namespace coreheap::image
