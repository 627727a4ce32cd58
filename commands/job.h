// A command at work on a thread of its own, so that whoever started it can poll, show progress,
// cancel.
//
// Invariants: all signals are blocked on that thread (GDB's and the program's stay on theirs);
// nothing thrown there leaves it; a Job that goes away has cancelled and joined.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "commands/run.h"

namespace coreheap::commands {

class Job {
 public:
  using Work = std::function<Outcome(JobControl&)>;

  explicit Job(Work work);
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  ~Job();

  JobControl& control() { return control_; }
  // True when it has ended.
  bool wait_for(std::chrono::milliseconds time);
  bool finished() { return wait_for(std::chrono::milliseconds(0)); }
  // Valid once finished.
  const Outcome& outcome() const { return outcome_; }

 private:
  void run(const Work& work);

  JobControl control_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool done_ = false;
  Outcome outcome_;
  std::thread thread_;
};

// "walking chunks 41 %"; empty when there is nothing to say.
std::string progress_text(const JobControl& control);

}  // namespace coreheap::commands
