// What of a live process is copied, where to, and the copying itself.
//
// A destination is one reserve of address space a mapping, so that spans stay contiguous however
// pages come and go; only pages that exist cost memory. It is laid out and faulted in before the
// target is stopped, and adjusted to what the target did meanwhile.
//
// Copied: every present or swapped private page that is anonymous or was written, whole writable
// and RELRO parts of loaded files, the first page of each file, the vdso. Pages that were never
// touched read as zeros and are present as such. Not copied: clean pages of files (filled in from
// the checked file), shared memory (the file or segment is still there and belongs to all who map
// it; its labels need no bytes), devices, guard pages, reserves without access.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "heapparse/image/draft.h"
#include "heapparse/image/os.h"
#include "heapparse/image/page_scan.h"
#include "heapparse/image/proc_process.h"

namespace coreheap::image {

// One mapping's share in the plan.
struct MappingPlan {
  AddressRange range;
  std::vector<AddressRange> copy;  // sorted
  Ranges guards;
  std::uint64_t swapped = 0;
  bool zero_elsewhere = false;  // what is not copied reads as zeros: the whole mapping is present
  bool forced = false;          // no read access: only /proc/PID/mem gets at it
  std::byte* destination = nullptr;  // of range.begin
};

struct CopyPlan {
  std::vector<Mapping> mappings;
  std::vector<MappingPlan> parts;  // of mappings of which something is copied
  Ranges resident;                 // private pages in RAM, the zero page left out where it is known
  Ranges bare;
  std::uint64_t bytes = 0;
  std::uint64_t swapped = 0;
  std::uint64_t shared_bytes = 0;  // of shared memory left out
  bool knows_zero_page = true;
  bool knows_pages = true;  // false: no pagemap; whole mappings are copied, residency is unknown
};

struct PlanOptions {
  bool word_by_word = false;
  bool without_pagemap = false;  // as if it could not be read
  // Paths whose clean pages no file at hand can give back (deleted, another mount namespace): all
  // of their pages are copied.
  std::vector<std::string> without_file;
};

// Reads maps and pagemap.
Result<CopyPlan> make_plan(const LiveProcess& process, const PlanOptions& options);

// Seconds that copying 1 GiB takes on two ordinary cores.
inline constexpr double kSecondsPerGiB = 0.09;
// How long the target will stand still.
double predicted_pause(const CopyPlan& plan, std::size_t threads,
                       double seconds_per_gib = kSecondsPerGiB);
// Memory that the copy takes, page tables and rounding included.
std::uint64_t room_for(const CopyPlan& plan);

// Owns the destinations.
class CopyDestination {
 public:
  // With a directory: an unlinked file there takes the bytes.
  static Result<CopyDestination> create(const std::string& spill_directory);

  // Gives every part its place; what was there before is kept where the mapping still fits into it.
  Result<void> place(CopyPlan& plan);
  // Faults in the pages that will be written.
  Result<void> prefault(const CopyPlan& plan, JobControl& job);

  std::vector<std::shared_ptr<void>> owners() const;

 private:
  struct Reserve {
    AddressRange range;  // of the target
    std::shared_ptr<Memory> memory;
    bool used = false;
  };
  // Reserves made by one call of place(): sorted, disjoint.
  using Generation = std::vector<Reserve>;

  Reserve* reserve_of(AddressRange range);
  Result<void> make_reserves(const std::vector<AddressRange>& ranges);
  Result<std::shared_ptr<Memory>> allocate(std::uint64_t size);

  std::vector<Generation> generations_;
  FileDescriptor spill_;
  std::uint64_t spill_size_ = 0;
  std::string spill_name_;
  bool slack_ = true;
};

// Pages that could not be read.
struct CopyResult {
  Ranges unreadable;
  std::uint64_t bytes = 0;
  int error = 0;  // errno when nothing at all could be read
  bool out_of_time = false;
};

// Copies on helper threads that wait, ready, from construction until start().
class Copier {
 public:
  Copier(const LiveProcess& process, unsigned helpers);
  ~Copier();
  Copier(const Copier&) = delete;
  Copier& operator=(const Copier&) = delete;

  void start(const CopyPlan& plan, JobControl& job, std::chrono::steady_clock::time_point deadline);
  CopyResult finish();  // waits

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace coreheap::image
