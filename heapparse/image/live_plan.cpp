// Which pages are copied; see live_copy.h.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "heapparse/image/live_copy.h"
#include "heapparse/image/proc_maps.h"

namespace coreheap::image {
namespace {

// Writable parts of files are copied whole up to this size, so that they stay one span; of larger
// ones (numpy.memmap with mode "c") only what was written.
constexpr std::uint64_t kWholeFilePart = std::uint64_t{64} << 20;
// Anonymous mappings beyond this are sparse by design (sanitizers, JIT cages): only their pages are
// present.
constexpr std::uint64_t kLargestReserve = std::uint64_t{1} << 40;

// Of the prediction; measured on two cores, see tests/unit/image/live_test.cpp for the check. The
// registers of a thread with its stop and resume, a page of its own instead of a long run (one
// element of a vector), reading a page of swap, and what is paid once.
constexpr double kSecondsPerThread = 60e-6;
constexpr double kSecondsPerRange = 0.5e-6;
constexpr double kSecondsPerMapping = 8e-6;
constexpr double kSecondsPerSwappedGiB = 4.0;
constexpr double kSecondsOnce = 0.001;

double gib(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 30); }

class Planner {
 public:
  Planner(CopyPlan& plan, const PlanOptions& options, std::uint64_t page)
      : plan_(plan), options_(options), page_(page) {}

  void add(const Mapping& mapping, const std::vector<PageRun>& runs) {
    if (mapping.shared) {
      if (mapping.kind == MappingKind::shared_memory) plan_.shared_bytes += mapping.range.size();
      plan_.bare.push_back(mapping.range);
      return;
    }
    if (mapping.kind == MappingKind::kernel) {
      if (mapping.name == "[vdso]") copy_whole(mapping);
      return;
    }
    MappingPlan part;
    part.range = mapping.range;
    part.forced = !mapping.readable;
    bool any_private = false;
    for (const PageRun& run : runs) {
      if (run.guard) {
        part.guards.push_back(run.range);
        continue;
      }
      const bool ours = run.swapped || !run.file;
      if (!ours || run.zero) continue;
      any_private = true;
      if (run.present) plan_.resident.push_back(run.range);
      if (run.swapped) part.swapped += run.range.size();
      append(part.copy, run.range);
    }
    if (mapping.is_anonymous_memory()) {
      if (!mapping.readable && !any_private) {
        plan_.bare.push_back(mapping.range);  // a reserve, such as the end of an arena's heap
        return;
      }
      part.zero_elsewhere = mapping.range.size() <= kLargestReserve;
      if (!part.zero_elsewhere) {
        const AddressRange whole[] = {mapping.range};
        for (const AddressRange& rest : subtract(whole, part.copy)) plan_.bare.push_back(rest);
      }
      take(std::move(part));
      return;
    }
    if (!mapping.readable) {
      plan_.bare.push_back(mapping.range);
      return;
    }
    const bool no_file = std::find(options_.without_file.begin(), options_.without_file.end(),
                                   mapping.name) != options_.without_file.end();
    if (((mapping.writable || any_private) && mapping.range.size() <= kWholeFilePart) || no_file) {
      const std::uint64_t swapped = part.swapped;
      copy_whole(mapping);
      plan_.parts.back().swapped = swapped;
      plan_.swapped += swapped;
      return;
    }
    if (mapping.file_offset == 0) {
      part.copy.insert(part.copy.begin(), {mapping.range.begin, mapping.range.begin + page_});
      part.copy = normalised(std::move(part.copy));
    }
    if (!part.copy.empty()) take(std::move(part));
  }

 private:
  static void append(std::vector<AddressRange>& ranges, AddressRange range) {
    if (!ranges.empty() && ranges.back().end == range.begin) {
      ranges.back().end = range.end;
    } else {
      ranges.push_back(range);
    }
  }

  void copy_whole(const Mapping& mapping) {
    MappingPlan part;
    part.range = mapping.range;
    part.copy.push_back(mapping.range);
    take(std::move(part));
  }

  void take(MappingPlan part) {
    part.guards = normalised(std::move(part.guards));
    for (const AddressRange& guard : part.guards) plan_.bare.push_back(guard);
    plan_.bytes += total_size(part.copy);
    plan_.swapped += part.swapped;
    plan_.parts.push_back(std::move(part));
  }

  CopyPlan& plan_;
  const PlanOptions& options_;
  std::uint64_t page_;
};

// Without pagemap (a kernel or sandbox that has none) smaps tells which mappings have any page at
// all, and of files which have private ones: those count as one run.
bool runs_by_smaps(const std::string& directory, std::vector<Mapping> mappings,
                   std::vector<std::vector<PageRun>>& runs) {
  const auto text = read_text_file(directory + "/smaps");
  if (!text || text->empty()) return false;
  add_smaps(*text, mappings);
  runs.resize(mappings.size());
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    const Mapping& m = mappings[i];
    if (m.rss.value_or(0) + m.swapped.value_or(0) + m.counters.hugetlb == 0) continue;
    if (m.range.size() > kLargestReserve) continue;
    PageRun run;
    run.range = m.range;
    run.present = true;
    run.file = !m.is_anonymous_memory() && m.counters.anonymous == 0;
    runs[i].push_back(run);
  }
  return true;
}

}  // namespace

Result<CopyPlan> make_plan(const LiveProcess& process, const PlanOptions& options) {
  const std::uint64_t pid = process.pid;
  const std::string& directory = process.memory_directory;
  errno = 0;
  const auto maps = read_text_file(directory + "/maps");
  if (!maps) return std::unexpected(refused(pid, errno));
  CopyPlan plan;
  plan.mappings = read_maps(*maps);
  if (plan.mappings.empty()) return std::unexpected(gone(pid));
  std::optional<PageScanner> scanner;
  if (!options.without_pagemap) scanner = PageScanner::open(directory, options.word_by_word);
  const int why_not = errno;
  std::vector<std::vector<PageRun>> whole;
  if (!scanner) {
    if (!runs_by_smaps(directory, plan.mappings, whole)) {
      return std::unexpected(refused(pid, why_not));
    }
    plan.knows_pages = false;
  }

  Planner planner(plan, options, page_size());
  std::vector<PageRun> runs;
  for (std::size_t i = 0; i < plan.mappings.size(); ++i) {
    const Mapping& mapping = plan.mappings[i];
    runs.clear();
    const bool scanned = !mapping.shared && mapping.kind != MappingKind::kernel;
    if (scanned && scanner && !scanner->scan(mapping.range, runs)) {
      return std::unexpected(refused(pid, errno));
    }
    if (scanned && !scanner) runs = whole[i];
    planner.add(mapping, runs);
  }
  plan.knows_zero_page = !scanner || scanner->knows_zero_page();
  plan.resident = normalised(std::move(plan.resident));
  plan.bare = normalised(std::move(plan.bare));
  return plan;
}

double predicted_pause(const CopyPlan& plan, std::size_t threads, double seconds_per_gib) {
  std::size_t ranges = 0;
  for (const MappingPlan& part : plan.parts) ranges += part.copy.size();
  return kSecondsOnce + gib(plan.bytes) * seconds_per_gib +
         gib(plan.swapped) * kSecondsPerSwappedGiB +
         static_cast<double>(threads) * kSecondsPerThread +
         static_cast<double>(ranges) * kSecondsPerRange +
         static_cast<double>(plan.mappings.size()) * kSecondsPerMapping;
}

std::uint64_t room_for(const CopyPlan& plan) { return plan.bytes + plan.bytes / 64; }

}  // namespace coreheap::image
