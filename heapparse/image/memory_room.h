// How much memory this process may still take, by the machine and by every level of its control
// groups.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "heapparse/base/error.h"

namespace coreheap::image {

// MemAvailable of /proc/meminfo.
std::optional<std::uint64_t> memory_available();

struct Room {
  std::uint64_t bytes = UINT64_MAX;
  std::string limit;  // who sets it: "MemAvailable", "cgroup /a/b (memory.max)"
};

// The least of all limits. `root` is prefixed to /proc and /sys paths, for tests.
Room memory_room(const std::string& root = {});

}  // namespace coreheap::image
