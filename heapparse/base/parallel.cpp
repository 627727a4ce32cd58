// The one place that starts threads for computation. Pieces are handed out by an atomic counter:
// heap regions differ in size by orders of magnitude, so a fixed split would leave one core idle.
#include "heapparse/base/parallel.h"

#include <sched.h>
#include <signal.h>

#include <algorithm>
#include <exception>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace coreheap {
namespace {

// Threads inherit the mask of their creator: block everything while they are created.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &previous_);
  }
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &previous_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t previous_{};
};

}  // namespace

unsigned worker_count(std::size_t pieces) {
  cpu_set_t set;
  CPU_ZERO(&set);
  unsigned cpus = 1;
  if (sched_getaffinity(0, sizeof set, &set) == 0) {
    cpus = static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
  }
  return static_cast<unsigned>(std::clamp<std::size_t>(pieces, 1, cpus));
}

Result<void> parallel_for(std::size_t pieces, JobControl& job,
                          const std::function<void(std::size_t, unsigned)>& work) {
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::optional<Error> first_error;
  const auto run = [&](unsigned worker) {
    try {
      for (;;) {
        const std::size_t piece = next.fetch_add(1, std::memory_order_relaxed);
        if (piece >= pieces || job.cancelled()) return;
        work(piece, worker);
      }
    } catch (const std::bad_alloc&) {
      const std::lock_guard lock(mutex);
      if (!first_error) {
        first_error = Error{ErrorCode::out_of_memory, "analysis", "memory ran out", {}};
      }
    } catch (const std::exception& e) {
      const std::lock_guard lock(mutex);
      if (!first_error) first_error = Error{ErrorCode::internal, "analysis", e.what(), {}};
    } catch (...) {
      const std::lock_guard lock(mutex);
      if (!first_error) first_error = Error{ErrorCode::internal, "analysis", "unknown", {}};
    }
    next.store(pieces, std::memory_order_relaxed);  // the others stop at their next piece
  };

  const unsigned workers = worker_count(pieces);
  std::vector<std::jthread> threads;
  if (workers > 1) {
    const AllSignalsBlocked blocked;
    for (unsigned w = 1; w < workers; ++w) {
      try {
        threads.emplace_back(run, w);
      } catch (const std::exception&) {
        break;  // no more threads to be had: those there are do the work
      }
    }
  }
  run(0);
  threads.clear();  // joins
  if (first_error) return std::unexpected(*std::move(first_error));
  if (job.cancelled()) return fail(ErrorCode::cancelled, "job", "cancelled");
  return {};
}

}  // namespace coreheap
