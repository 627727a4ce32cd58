// Live targets: planned and prepared while they run, copied while they stand still, analysed
// afterwards.
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <thread>
#include <utility>

#include "heapparse/image/draft.h"
#include "heapparse/image/live_copy.h"
#include "heapparse/image/memory_room.h"
#include "heapparse/image/open.h"
#include "heapparse/image/proc_maps.h"
#include "heapparse/image/proc_process.h"
#include "heapparse/image/process_stop.h"

namespace coreheap::image {
namespace {

using Clock = std::chrono::steady_clock;

constexpr unsigned kHelpers = 2;
constexpr std::uint64_t kSample = std::uint64_t{64} << 20;

double gib(std::uint64_t bytes) { return static_cast<double>(bytes) / (1 << 30); }

std::string text_of_seconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", seconds);
  return text;
}

Error pause_too_long(std::uint64_t pid, const std::string& reason, double needed) {
  char cure[64];
  std::snprintf(cure, sizeof cure, "--max-pause %.1f, or --no-stop", needed * 1.5 + 0.1);
  return {ErrorCode::pause_too_long, "pid " + std::to_string(pid), reason, cure};
}

Result<void> check_pause(const LiveProcess& live, const CopyPlan& plan, double predicted,
                         const OpenOptions& options) {
  if (predicted <= options.max_pause_seconds) return {};
  return std::unexpected(
      pause_too_long(live.pid,
                     "copying " + text_of_bytes(plan.bytes) + " would stop it for about " +
                         text_of_seconds(predicted) + ", longer than the allowed " +
                         text_of_seconds(options.max_pause_seconds),
                     predicted));
}

// Whoever reads a page that lies in swap brings it back into the target's memory: there must be
// room for those too, beside `copy` bytes.
Result<void> check_return_from_swap(const std::string& subject, const CopyPlan& plan,
                                    std::uint64_t copy) {
  const Room room = memory_room();
  if (copy + plan.swapped <= room.bytes) return {};
  return fail(ErrorCode::not_enough_room, subject,
              text_of_bytes(plan.swapped) +
                  " of it lie in swap, would come back when read, and do not fit into the " +
                  text_of_bytes(room.bytes) + " left by " + room.limit +
                  (copy != 0 ? " beside the copy" : ""),
              "more room first: gcore would bring them back as well");
}

Result<void> check_room(const LiveProcess& live, const CopyPlan& plan, const OpenOptions& options) {
  const std::uint64_t needed = room_for(plan);
  const std::string subject = "pid " + std::to_string(live.pid);
  if (!options.spill_directory.empty()) {
    struct statvfs disk {};
    if (statvfs(options.spill_directory.c_str(), &disk) != 0) {
      return fail(ErrorCode::io_error, options.spill_directory, text_of_errno(errno),
                  "--spill with a directory that can be written to");
    }
    const std::uint64_t left = static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize;
    if (needed <= left) return check_return_from_swap(subject, plan, 0);
    return fail(ErrorCode::not_enough_room, subject,
                "a copy of " + text_of_bytes(needed) + " does not fit into " +
                    options.spill_directory + " (" + text_of_bytes(left) + " free)",
                "--spill with a directory on a larger disk");
  }
  const Room room = memory_room();
  if (needed <= room.bytes) return check_return_from_swap(subject, plan, needed);
  return fail(ErrorCode::not_enough_room, subject,
              "a copy of " + text_of_bytes(needed) + " does not fit into the " +
                  text_of_bytes(room.bytes) + " left by " + room.limit,
              "--spill DIRECTORY, or gcore there and analysis elsewhere");
}

// Loaded files that cannot be opened by any name: their clean pages come from the process.
std::vector<std::string> paths_without_file(const LiveProcess& live, const CopyPlan& plan,
                                            const OpenOptions& options) {
  std::vector<std::string> paths;
  if (!options.use_backing_files) return paths;
  std::set<std::string> seen;
  for (const Mapping& m : plan.mappings) {
    if (m.kind != MappingKind::file || !m.executable || !seen.insert(m.name).second) continue;
    const std::string by_range = live.memory_directory + "/map_files/" +
                                 text_of_address(m.range.begin.value).substr(2) + "-" +
                                 text_of_address(m.range.end.value).substr(2);
    if (access(by_range.c_str(), R_OK) == 0) continue;
    if (access((live.memory_directory + "/root" + m.name).c_str(), R_OK) == 0) continue;
    paths.push_back(m.name);
  }
  return paths;
}

// What is learnt while the target stands still.
struct Stopped {
  CopyPlan plan;
  CopyResult copied;
  std::vector<Thread> threads;
  std::vector<std::uint64_t> deaf;
  std::string smaps;
  std::string status;
  std::uint64_t nanoseconds = 0;
  double predicted = 0;
};

class LiveReader {
 public:
  LiveReader(LiveProcess live, const OpenOptions& options, JobControl& job)
      : live_(std::move(live)), options_(options), job_(job) {}

  enum class Hold { by_us, by_caller, not_at_all };

  Result<Image> read(Hold hold, std::span<const HeldThread> held) {
    plan_options_.without_pagemap = !options_.use_pagemap;
    auto first = make_plan(live_, plan_options_);
    if (!first) return std::unexpected(std::move(first.error()));
    plan_options_.without_file = paths_without_file(live_, *first, options_);
    if (!plan_options_.without_file.empty()) {
      first = make_plan(live_, plan_options_);
      if (!first) return std::unexpected(std::move(first.error()));
    }
    if (auto room = check_room(live_, *first, options_); !room) {
      return std::unexpected(std::move(room.error()));
    }
    const std::size_t threads = threads_of(live_).size();
    const auto check = [&]() -> Result<void> {
      if (hold != Hold::by_us) return {};
      return check_pause(live_, *first, predicted_pause(*first, threads, seconds_per_gib_),
                         options_);
    };
    if (auto pause = check(); !pause) return std::unexpected(std::move(pause.error()));
    auto destination = CopyDestination::create(options_.spill_directory);
    if (!destination) return std::unexpected(std::move(destination.error()));
    destination_ = *std::move(destination);
    if (auto placed = destination_.place(*first); !placed) {
      return std::unexpected(std::move(placed.error()));
    }
    if (auto faulted = destination_.prefault(*first, job_); !faulted) {
      return std::unexpected(std::move(faulted.error()));
    }
    if (hold == Hold::by_us) calibrate(*first);
    if (auto pause = check(); !pause) return std::unexpected(std::move(pause.error()));
    job_.begin_step("copying the process", first->bytes);
    auto stopped = hold == Hold::by_us ? copy_stopped() : copy_held();
    if (!stopped) return std::unexpected(std::move(stopped.error()));
    if (job_.cancelled()) {
      return fail(ErrorCode::cancelled, "pid " + std::to_string(live_.pid), "cancelled");
    }
    return image_of(*std::move(stopped), hold, held);
  }

 private:
  // Copies a sample while the target still runs: how fast this machine is now, busy as it may be.
  // The sample is overwritten by the copy proper.
  void calibrate(const CopyPlan& plan) {
    CopyPlan sample;
    for (const MappingPlan& part : plan.parts) {
      if (part.swapped != 0 || part.forced) continue;
      MappingPlan some = part;
      some.copy.clear();
      for (AddressRange range : part.copy) {
        if (sample.bytes >= kSample) break;
        range.end = std::min(range.end, range.begin + (kSample - sample.bytes));
        sample.bytes += range.size();
        some.copy.push_back(range);
      }
      if (!some.copy.empty()) sample.parts.push_back(std::move(some));
    }
    if (sample.bytes < kSample) return;  // the copy is short whatever the speed
    JobControl silent;
    Copier copier(live_, kHelpers);
    const auto began = Clock::now();
    copier.start(sample, silent, Clock::time_point::max());
    const CopyResult result = copier.finish();
    const double seconds = std::chrono::duration<double>(Clock::now() - began).count();
    if (result.bytes == sample.bytes) seconds_per_gib_ = seconds / gib(sample.bytes);
  }

  // On a thread of its own: no signal interrupts it, and its end lets go of whatever it still
  // traces.
  Result<Stopped> copy_stopped() {
    Result<Stopped> result = fail(ErrorCode::internal, "tracer thread", "did not start");
    Copier copier(live_, kHelpers);
    try {
      const SignalsBlocked blocked;
      std::thread tracer([&] {
        try {
          result = trace_and_copy(copier);
        } catch (const std::bad_alloc&) {
          result = fail(ErrorCode::out_of_memory, "copying the process", "memory ran out");
        } catch (const std::exception& e) {
          result = fail(ErrorCode::internal, "copying the process", e.what());
        }
      });
      tracer.join();
    } catch (const std::exception& e) {
      return fail(ErrorCode::internal, "tracer thread", e.what());
    }
    return result;
  }

  Result<Stopped> trace_and_copy(Copier& copier) {
    const auto began = Clock::now();
    const auto deadline =
        began + std::chrono::duration_cast<Clock::duration>(
                    std::chrono::duration<double>(std::clamp(options_.max_pause_seconds, 0., 1e6)));
    auto stop = ProcessStop::begin(live_, deadline);
    if (!stop) return std::unexpected(std::move(stop.error()));
    Stopped stopped;
    stopped.deaf = stop->deaf();
    auto plan = make_plan(live_, plan_options_);
    if (!plan) return std::unexpected(std::move(plan.error()));
    stopped.plan = *std::move(plan);
    stopped.predicted = predicted_pause(stopped.plan, stop->size(), seconds_per_gib_);
    if (auto pause = check_pause(live_, stopped.plan, stopped.predicted, options_); !pause) {
      return std::unexpected(std::move(pause.error()));
    }
    if (auto placed = destination_.place(stopped.plan); !placed) {
      return std::unexpected(std::move(placed.error()));
    }
    // The helpers copy; meanwhile what belongs to the same stop is read here. smaps walks the page
    // tables once more (about a tenth of the copy's time), but after the resume its figures would
    // be of another moment than the bytes.
    copy_and_read(copier, stopped, deadline);
    stopped.threads = stop->threads(live_);
    stopped.copied = copier.finish();
    stop->release();
    const auto ended = Clock::now();
    stopped.nanoseconds = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(ended - began).count());
    return check_copy(std::move(stopped), std::chrono::duration<double>(ended - began).count());
  }

  Result<Stopped> copy_held() {
    Stopped stopped;
    auto plan = make_plan(live_, plan_options_);
    if (!plan) return std::unexpected(std::move(plan.error()));
    stopped.plan = *std::move(plan);
    if (auto placed = destination_.place(stopped.plan); !placed) {
      return std::unexpected(std::move(placed.error()));
    }
    Copier copier(live_, kHelpers);
    copy_and_read(copier, stopped, Clock::time_point::max());
    stopped.copied = copier.finish();
    return check_copy(std::move(stopped), 0);
  }

  // Starts the copy and reads the counters beside it; before it where pages lie in swap, because
  // whoever reads those brings them back into the target's memory.
  void copy_and_read(Copier& copier, Stopped& stopped, Clock::time_point deadline) {
    if (stopped.plan.swapped != 0) read_proc_files(stopped);
    copier.start(stopped.plan, job_, deadline);
    if (stopped.plan.swapped == 0) read_proc_files(stopped);
  }

  void read_proc_files(Stopped& stopped) const {
    stopped.smaps = read_text_file(live_.memory_directory + "/smaps").value_or("");
    stopped.status = read_text_file(live_.memory_directory + "/status", 1 << 20).value_or("");
  }

  Result<Stopped> check_copy(Stopped stopped, double seconds) const {
    if (stopped.copied.out_of_time) {
      return std::unexpected(
          pause_too_long(live_.pid,
                         "the copy was given up after " + text_of_seconds(seconds) + " at " +
                             text_of_bytes(stopped.copied.bytes) + " of " +
                             text_of_bytes(stopped.plan.bytes) + "; the process runs again",
                         std::max(stopped.predicted, seconds) * 2));
    }
    if (stopped.copied.error == ENOMEM) {
      return fail(ErrorCode::out_of_memory, "copying the process", "memory ran out");
    }
    if (stopped.copied.error == ENOSYS) {
      return fail(ErrorCode::no_memory_access, "pid " + std::to_string(live_.pid),
                  "process_vm_readv is not available here (seccomp, or a kernel without it)");
    }
    if (stopped.copied.error != 0) return std::unexpected(refused(live_.pid, stopped.copied.error));
    return stopped;
  }

  Result<Image> image_of(Stopped stopped, Hold hold, std::span<const HeldThread> held) {
    Draft draft;
    Image& image = draft.image;
    image.kind = TargetKind::live;
    image.source = "pid " + std::to_string(live_.pid);
    image.page_size = page_size();
    image.process = live_.process;
    image.auxv = live_.auxv;
    if (const auto kib = status_number(stopped.status, "VmRSS:")) {
      image.process.vm_rss = *kib * 1024;
    }
    if (const auto kib = status_number(stopped.status, "VmPTE:")) {
      image.process.page_tables = *kib * 1024;
    }
    draft.proc_directory = live_.memory_directory;
    image.mappings = std::move(stopped.plan.mappings);
    add_smaps(stopped.smaps, image.mappings);
    add_threads(image, stopped, held);
    add_pieces(draft, stopped);
    image.residency = {true, std::move(stopped.plan.resident)};
    if (!stopped.plan.knows_pages) {
      image.residency = {};
      image.findings.push_back({{},
                                "pagemap cannot be read",
                                "resident bytes of a mapping are split in proportion, by smaps",
                                Severity::warning});
    }
    if (!stopped.plan.knows_zero_page) leave_out_zero_pages(draft);
    for (auto& owner : destination_.owners()) image.keep_alive.push_back(std::move(owner));
    if (hold != Hold::by_caller) {
      image.pause = Pause{stopped.nanoseconds, static_cast<std::uint64_t>(stopped.predicted * 1e9),
                          stopped.copied.bytes, hold == Hold::by_us};
    }
    if (hold == Hold::not_at_all) {
      image.findings.push_back(
          {{}, "torn image", "the process ran while it was copied (--no-stop)", Severity::warning});
    }
    if (stopped.plan.shared_bytes != 0) {
      image.evidence.push_back(
          {"shared memory", text_of_bytes(stopped.plan.shared_bytes) +
                                " mapped, left out: it belongs to all processes that map it"});
    }
    return finish(std::move(draft), options_, job_);
  }

  void add_threads(Image& image, Stopped& stopped, std::span<const HeldThread> held) const {
    image.threads = std::move(stopped.threads);
    for (const HeldThread& h : held) {
      Thread thread;
      thread.tid = h.tid;
      if (h.thread_pointer != 0) thread.thread_pointer = h.thread_pointer;
      thread.stack_pointer = {h.stack_pointer};
      thread.program_counter = {h.program_counter};
      thread.name = name_of_thread(live_, h.tid);
      image.threads.push_back(std::move(thread));
    }
    if (image.threads.empty()) {
      for (const std::uint64_t tid : threads_of(live_)) {
        Thread thread;
        thread.tid = tid;
        thread.name = name_of_thread(live_, tid);
        image.threads.push_back(std::move(thread));
      }
    }
    for (const std::uint64_t tid : stopped.deaf) {
      image.findings.push_back(
          {{},
           "thread in uninterruptible sleep",
           "thread " + std::to_string(tid) + " did not come to a stop; its registers are unknown",
           Severity::note});
    }
  }

  static void add_pieces(Draft& draft, const Stopped& stopped) {
    const Ranges& unreadable = stopped.copied.unreadable;
    for (const MappingPlan& part : stopped.plan.parts) {
      const AddressRange whole[] = {part.range};
      Ranges present = part.zero_elsewhere ? subtract(whole, part.guards) : Ranges(part.copy);
      present = subtract(present, unreadable);
      for (const AddressRange& range : present) {
        draft.pieces.push_back(
            {range, part.destination + (range.begin - part.range.begin), ByteSource::copy});
      }
    }
    draft.bare = stopped.plan.bare;
    draft.lost = unreadable;
    if (!unreadable.empty()) {
      draft.image.findings.push_back(
          {unreadable.front().begin, "unreadable pages",
           text_of_bytes(total_size(unreadable)) +
               " could not be read: guard pages, hardware errors, or unmapped meanwhile",
           Severity::note});
    }
  }

  // Without PAGEMAP_SCAN the shared zero page counts as present. Where smaps knows of fewer
  // resident bytes, and exactly the all-zero pages explain the difference, those are it.
  static void leave_out_zero_pages(Draft& draft) {
    Image& image = draft.image;
    const AddressSpace space(draft.pieces, {});
    Ranges zero;
    std::uint64_t unexplained = 0;
    for (const Mapping& mapping : image.mappings) {
      if (!mapping.is_anonymous_memory() || !mapping.rss) continue;
      const std::uint64_t present = image.residency.bytes_in(mapping.range);
      if (present <= *mapping.rss) continue;
      Ranges candidates;
      const AddressRange whole[] = {mapping.range};
      for (const AddressRange& range : intersect(whole, image.residency.resident)) {
        for (Address page = range.begin; page < range.end; page += image.page_size) {
          const auto bytes = space.bytes(page, image.page_size);
          if (!bytes.empty() && std::all_of(bytes.begin(), bytes.end(),
                                            [](std::byte b) { return b == std::byte{0}; })) {
            candidates.push_back({page, page + image.page_size});
          }
        }
      }
      candidates = normalised(std::move(candidates));
      if (total_size(candidates) == present - *mapping.rss) {
        zero.insert(zero.end(), candidates.begin(), candidates.end());
      } else {
        unexplained += present - *mapping.rss;
      }
    }
    image.residency.resident = subtract(image.residency.resident, normalised(std::move(zero)));
    if (unexplained != 0) {
      image.findings.push_back(
          {{},
           "resident pages include the zero page",
           text_of_bytes(unexplained) + " more than smaps says; this kernel cannot tell which",
           Severity::note});
    }
  }

  LiveProcess live_;
  const OpenOptions& options_;
  JobControl& job_;
  PlanOptions plan_options_;
  CopyDestination destination_;
  double seconds_per_gib_ = kSecondsPerGiB;
};

}  // namespace

Result<Image> open_process(std::uint64_t pid, const OpenOptions& options, JobControl& job) {
  auto live = look_at_process(pid);
  if (!live) return std::unexpected(std::move(live.error()));
  const auto hold = options.no_stop ? LiveReader::Hold::not_at_all : LiveReader::Hold::by_us;
  return LiveReader(*std::move(live), options, job).read(hold, {});
}

Result<Image> open_held_process(std::uint64_t pid, std::span<const HeldThread> threads,
                                const OpenOptions& options, JobControl& job) {
  auto live = look_at_process(pid);
  if (!live) return std::unexpected(std::move(live.error()));
  return LiveReader(*std::move(live), options, job).read(LiveReader::Hold::by_caller, threads);
}

}  // namespace coreheap::image
