// Work in pieces on every core, cancellable, with progress.
//
// Invariant: a worker thread never receives a signal (GDB requires its signals on the main thread)
// and no exception leaves one; the first is handed back to the caller's thread as an Error.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "heapparse/base/error.h"

namespace coreheap {

// Shared by the thread that does a job and the one that may cancel it. Progress is two counters
// that a poller may read at any time.
class JobControl {
 public:
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

  // Names the step and its length (in whatever unit the step counts); `step` must be a literal.
  void begin_step(const char* step, std::uint64_t total) {
    done_.store(0, std::memory_order_relaxed);
    total_.store(total, std::memory_order_relaxed);
    step_.store(step, std::memory_order_release);
  }
  void advance(std::uint64_t n) { done_.fetch_add(n, std::memory_order_relaxed); }

  struct Progress {
    std::string_view step;
    std::uint64_t done = 0;
    std::uint64_t total = 0;
  };
  Progress progress() const {
    const char* step = step_.load(std::memory_order_acquire);
    return {step ? step : "", done_.load(std::memory_order_relaxed),
            total_.load(std::memory_order_relaxed)};
  }

 private:
  std::atomic<bool> cancelled_{false};
  std::atomic<const char*> step_{nullptr};
  std::atomic<std::uint64_t> done_{0};
  std::atomic<std::uint64_t> total_{0};
};

// Number of workers used for `pieces` pieces: at most the usable CPUs, at least 1.
unsigned worker_count(std::size_t pieces);

// Calls work(piece, worker) for each piece in [0, pieces), in any order, on worker_count(pieces)
// threads; worker is in [0, worker_count). Stops early when cancelled (Error cancelled) or when a
// call throws (bad_alloc becomes out_of_memory, anything else internal).
Result<void> parallel_for(std::size_t pieces, JobControl& job,
                          const std::function<void(std::size_t piece, unsigned worker)>& work);

}  // namespace coreheap
