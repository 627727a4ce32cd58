// Figures of a process over time, and the files they are kept in.
//
// A sample is made of counters that the kernel and the allocators keep anyway; nothing is walked.
// Kernel figures are resident bytes. Those of the allocators are what they took from the system
// (address space), so they may exceed the resident ones.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "heapparse/base/error.h"

namespace coreheap::usage {

enum class Counter : std::uint8_t {
  rss,
  pss,
  anonymous,
  file,
  shmem,
  swapped,
  page_tables,
  glibc_arenas,         // system_mem of all arenas
  glibc_mmapped,        // chunks with a mapping of their own
  pymalloc_used_pools,  // pools with a live block, of all arenas
  pymalloc_free_pools,
  mappings,  // a number, not bytes
  threads,   // a number, not bytes
};
inline constexpr std::size_t kCounters = 13;
std::string_view name_of(Counter counter);   // "glibc.arenas"
std::string_view title_of(Counter counter);  // "glibc's arenas"
bool is_bytes(Counter counter);

struct Sample {
  double seconds = 0;         // since the first
  std::uint64_t unix_ms = 0;  // wall clock
  std::array<std::uint64_t, kCounters> values{};
  std::uint64_t of(Counter counter) const { return values[static_cast<std::size_t>(counter)]; }
};

struct Recording {
  std::string command_line;
  std::vector<Sample> samples;
};

// A CSV file with a comment line in front: "# coreheap recording 1: COMMAND LINE".
std::string recording_header(std::string_view command_line);
std::string recording_line(const Sample& sample);
// Errors: io_error (no such file), usage (not a recording).
Result<Recording> read_recording(const std::string& path);

// memory_profiler's .dat, which `mprof plot` draws: "CMDLINE ...", then "MEM mebibytes unixtime".
std::string mprof_header(std::string_view command_line);
std::string mprof_line(const Sample& sample);

}  // namespace coreheap::usage
