// All threads of a process held in a ptrace stop, by PTRACE_SEIZE and PTRACE_INTERRUPT.
//
// Never SIGSTOP: the target sees no signal, a shell sees no stopped job, a process that was stopped
// stays stopped, and when the tracer dies the kernel lets every thread go. A signal that arrives at
// the same moment is delivered on release.
//
// ptrace belongs to the thread that seized: create, use and destroy a ProcessStop on one thread,
// and let that thread end afterwards, since its end releases even a thread that never came to its
// stop.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/image/image.h"
#include "heapparse/image/proc_process.h"

namespace coreheap::image {

class ProcessStop {
 public:
  using Clock = std::chrono::steady_clock;

  // Stops every thread, those that start meanwhile included. A thread that sleeps uninterruptibly
  // in the kernel does not come to a stop: it cannot touch memory of its own accord, and is listed
  // by `deaf`.
  static Result<ProcessStop> begin(const LiveProcess& process, Clock::time_point deadline);

  ProcessStop(ProcessStop&& other) noexcept;
  ProcessStop& operator=(ProcessStop&&) = delete;
  ~ProcessStop() { release(); }

  // Registers and names of the stopped threads.
  std::vector<Thread> threads(const LiveProcess& process) const;
  std::vector<std::uint64_t> deaf() const;
  std::size_t size() const { return seized_.size(); }

  // Lets all threads go; each gets the signal that was on its way.
  void release();

 private:
  struct Seized {
    std::uint64_t tid = 0;
    bool stopped = false;
    bool gone = false;
    int pending_signal = 0;
  };

  ProcessStop() = default;
  Result<void> seize_new_threads(const LiveProcess& process, bool& found_new);
  Result<void> wait_for_stops(const LiveProcess& process, Clock::time_point deadline);

  std::vector<Seized> seized_;
};

}  // namespace coreheap::image
