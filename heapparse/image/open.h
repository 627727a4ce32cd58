// The doors: a core file, a live process, or regions that somebody else (GDB) can read.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "heapparse/image/image.h"

namespace coreheap::image {

struct OpenOptions {
  std::string sysroot;     // prefix for the files that a core names; empty: the path itself
  std::string executable;  // --exe: file to use for the main program
  std::string spill_directory;
  double max_pause_seconds = 2.0;
  bool no_stop = false;
  bool use_backing_files = true;  // false: as if no ELF file were at hand
  bool use_pagemap = true;        // false: as if the kernel kept it from us
};

// Clean pages of mapped files are filled in only from a file whose build-id equals that of the
// first page in the image; nothing named by the core is executed.
Result<Image> open_core(const std::string& path, const OpenOptions& options, JobControl& job);

// PTRACE_SEIZE and INTERRUPT all threads, copy, resume; analysis happens later on the copy. The
// target runs again whatever happens, a killed coreheap included.
Result<Image> open_process(std::uint64_t pid, const OpenOptions& options, JobControl& job);

// A live target that the caller (GDB) holds stopped: no ptrace here, only reading. The caller says
// what only a tracer knows.
struct HeldThread {
  std::uint64_t tid = 0;
  std::uint64_t thread_pointer = 0;
  std::uint64_t stack_pointer = 0;
  std::uint64_t program_counter = 0;
};
Result<Image> open_held_process(std::uint64_t pid, std::span<const HeldThread> threads,
                                const OpenOptions& options, JobControl& job);

// Targets that only the caller can read (gdbserver). `maps` is text in the form of /proc/PID/maps,
// `auxv` the raw vector; `read` fills `out` from `a` and returns how many bytes it got. Everything
// is pulled on the calling thread before this returns.
struct RegionSource {
  std::string name;
  std::string maps;
  std::vector<std::byte> auxv;
  std::vector<HeldThread> threads;
  std::function<std::size_t(Address a, std::span<std::byte> out)> read;
};
Result<Image> open_regions(const RegionSource& source, const OpenOptions& options, JobControl& job);

}  // namespace coreheap::image
