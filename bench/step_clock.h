// Which step a job is at, over time: a thread looks every fifth of a millisecond at the name that
// the engine gives to progress bars, and adds the time since to that step.
#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "heapparse/base/parallel.h"

namespace coreheap::bench {

class StepClock {
 public:
  explicit StepClock(const JobControl& job) : job_(job), thread_([this] { look(); }) {}
  ~StepClock() { stop(); }
  StepClock(const StepClock&) = delete;
  StepClock& operator=(const StepClock&) = delete;

  // Seconds a step, in the order in which they were first seen.
  const std::vector<std::pair<std::string, double>>& stop() {
    if (thread_.joinable()) {
      stop_.store(true, std::memory_order_relaxed);
      thread_.join();
    }
    return steps_;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::microseconds kBetweenLooks{200};

  void look() {
    auto last = Clock::now();
    while (!stop_.load(std::memory_order_relaxed)) {
      std::this_thread::sleep_for(kBetweenLooks);
      const auto now = Clock::now();
      const std::string_view step = job_.progress().step;
      auto it = steps_.begin();
      while (it != steps_.end() && it->first != step) ++it;
      if (it == steps_.end()) it = steps_.insert(it, {std::string(step), 0});
      it->second += std::chrono::duration<double>(now - last).count();
      last = now;
    }
  }

  const JobControl& job_;
  std::vector<std::pair<std::string, double>> steps_;
  std::atomic<bool> stop_{false};
  std::thread thread_;  // last: it uses the others
};

}  // namespace coreheap::bench
