// How often each benchmark runs and what of it is reported: five times, the fastest.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <vector>

namespace coreheap::bench {

// Every counter of ours is a time or in proportion to one, so that the least is the fastest run's.
inline void best_of_five(benchmark::internal::Benchmark* one) {
  one->UseManualTime()
      ->Unit(benchmark::kMillisecond)
      ->Iterations(1)
      ->Repetitions(5)
      ->ComputeStatistics(
          "best",
          [](const std::vector<double>& all) { return *std::min_element(all.begin(), all.end()); })
      ->ReportAggregatesOnly(true);
}

}  // namespace coreheap::bench
