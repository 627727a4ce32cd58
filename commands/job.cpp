// Threads for commands.
#include "commands/job.h"

#include <fmt/format.h>
#include <pthread.h>

#include <csignal>
#include <exception>
#include <new>
#include <system_error>

namespace coreheap::commands {

namespace {

// Blocks every signal on this thread while a new one is made, which inherits that.
class BlockedSignals {
 public:
  BlockedSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_;
};

Outcome failed(const Error& error) { return {exit_status_of(error.code), to_text(error), {}}; }

}  // namespace

Job::Job(Work work) {
  const BlockedSignals blocked;
  try {
    thread_ = std::thread([this, work = std::move(work)] { run(work); });
  } catch (const std::system_error& e) {
    outcome_ = failed({ErrorCode::internal, "thread", e.what(), {}});
    done_ = true;
  }
}

Job::~Job() {
  control_.cancel();
  if (thread_.joinable()) thread_.join();
}

void Job::run(const Work& work) {
  Outcome outcome;
  try {
    outcome = work(control_);
  } catch (const std::bad_alloc&) {
    outcome = failed({ErrorCode::out_of_memory, "coreheap", "not enough memory for this", {}});
  } catch (const std::exception& e) {
    outcome = failed({ErrorCode::internal, "coreheap", e.what(), {}});
  } catch (...) {
    outcome = failed({ErrorCode::internal, "coreheap", "unknown exception", {}});
  }
  const std::lock_guard lock(mutex_);
  outcome_ = std::move(outcome);
  done_ = true;
  ended_.notify_all();
}

bool Job::wait_for(std::chrono::milliseconds time) {
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, time, [this] { return done_; });
}

std::string progress_text(const JobControl& control) {
  const JobControl::Progress progress = control.progress();
  if (progress.step.empty()) return {};
  if (progress.total == 0) return std::string(progress.step);
  const std::uint64_t percent =
      progress.done >= progress.total
          ? 100
          : static_cast<std::uint64_t>(100.0 * static_cast<double>(progress.done) /
                                       static_cast<double>(progress.total));
  return fmt::format("{} {} %", progress.step, percent);
}

}  // namespace coreheap::commands
