// What /proc says about a process before anybody stops it, and why it cannot be read.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/image/image.h"

namespace coreheap::image {

struct LiveProcess {
  std::uint64_t pid = 0;  // of the thread group
  std::string directory;  // "/proc/1234"
  // A thread that still has the memory: the main thread, unless that has ended before the others
  // (then /proc/PID/maps is empty and the main thread's id reads nothing).
  std::uint64_t memory_tid = 0;
  std::string memory_directory;
  Process process;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> auxv;
};

// Errors: no_such_target, zombie_process, unsupported_machine (32-bit), permission_denied, usage (a
// kernel thread has no memory of its own).
Result<LiveProcess> look_at_process(std::uint64_t pid);

// The process is gone now: vanished, or a zombie.
Error gone(std::uint64_t pid);
// The kernel refused to let us trace or read it; finds out why as far as one can.
Error refused(std::uint64_t pid, int error);

std::vector<std::uint64_t> threads_of(const LiveProcess& process);
// State letter of a thread, 0 when it is gone.
char state_of_thread(const LiveProcess& process, std::uint64_t tid);
std::string name_of_thread(const LiveProcess& process, std::uint64_t tid);

// "VmRSS:" and the like in /proc/PID/status.
std::optional<std::uint64_t> status_number(std::string_view status, std::string_view key);

}  // namespace coreheap::image
