// The memory control group of a process: what a container's or pod's figure is made of.
//
// Both versions of control groups are read, from this machine's /sys/fs/cgroup where that has the
// group, else as the process itself sees it, through /proc/PID/root. Of a chain of groups the
// innermost one with a limit is described, without any limit the process's own.
//
// Invariant: `parts` add up to `current`, exactly, whatever the kernel's figures say: what they
// leave over (they are taken one after the other, and a page counts where it was first touched)
// stands in `rest`, which may be negative.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/finding.h"
#include "heapparse/base/parallel.h"

namespace coreheap::image {

struct CgroupProcess {
  std::uint64_t pid = 0;
  std::string name;
  std::uint64_t pss = 0;        // shared pages in parts
  std::uint64_t pss_anon = 0;   // of it
  std::uint64_t pss_shmem = 0;  // of it
};

struct Cgroup {
  int version = 2;
  std::string path;       // "/kubepods/pod1/ab12", as /proc/PID/cgroup names it
  std::string directory;  // where it was read
  std::optional<std::uint64_t> limit;
  std::uint64_t current = 0;
  std::optional<std::uint64_t> peak;
  std::optional<std::uint64_t> oom_kills;
  std::optional<std::uint64_t> swap;

  // Of `current`.
  std::uint64_t anonymous = 0;
  std::uint64_t shmem = 0;        // tmpfs, /dev/shm, shared anonymous memory
  std::uint64_t file = 0;         // page cache, shmem left out
  std::uint64_t reclaimable = 0;  // of it: not in recent use
  std::uint64_t slab = 0;
  std::uint64_t kernel_stacks = 0;
  std::uint64_t page_tables = 0;
  std::uint64_t sockets = 0;
  std::uint64_t kernel_other = 0;

  std::vector<CgroupProcess> processes;  // the process itself first
  std::uint64_t unread_processes = 0;    // their share is in the rest
  Findings findings;

  const CgroupProcess* self() const { return processes.empty() ? nullptr : &processes.front(); }
  std::uint64_t kernel() const {
    return slab + kernel_stacks + page_tables + sockets + kernel_other;
  }
  // Anonymous memory by PSS: of the process, of the others.
  std::uint64_t self_anonymous() const;
  std::uint64_t others_anonymous() const;
  // current less all parts above.
  std::int64_t rest() const;
};

// Errors: no_such_target, when the process is gone or no memory control group
// counts it. `root` is prefixed to /proc and /sys paths, for tests.
Result<Cgroup> read_cgroup(std::uint64_t pid, JobControl& job, const std::string& root = {});

}  // namespace coreheap::image
