// What each stage costs, as a ratio to reading the same bytes once.
//
// The core comes from the environment (COREHEAP_BENCH_CORE; bench/make_core.py writes one): its
// size decides what is measured. Every benchmark reports `x_read`, its time over the time of one
// pass over the file's bytes in the same process, so that figures of different machines can be
// compared.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "bench/best_of_five.h"
#include "bench/step_clock.h"
#include "heapparse/census/build.h"
#include "heapparse/graph/paths.h"
#include "heapparse/snapshot/snapshot.h"

namespace coreheap {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string core_path() {
  const char* path = std::getenv("COREHEAP_BENCH_CORE");
  return path == nullptr ? std::string() : path;
}

// One pass of read(2) over the file: what `cat CORE >/dev/null` cannot beat. Best of five.
double read_seconds() {
  static const double best = [] {
    double seconds = 1e9;
    std::vector<char> buffer(1 << 20);
    for (int round = 0; round < 5; ++round) {
      const int fd = open(core_path().c_str(), O_RDONLY | O_CLOEXEC);
      if (fd < 0) return 0.0;
      const auto start = Clock::now();
      while (read(fd, buffer.data(), buffer.size()) > 0) {
      }
      seconds = std::min(seconds, seconds_since(start));
      close(fd);
    }
    return seconds;
  }();
  return best;
}

std::unique_ptr<Snapshot> open_snapshot(JobControl& job) {
  auto image = image::open_core(core_path(), {}, job);
  if (!image) return nullptr;
  return std::make_unique<Snapshot>(std::move(*image), SnapshotOptions{});
}

void report(benchmark::State& state, double seconds, double items) {
  state.SetIterationTime(seconds);
  if (read_seconds() > 0) state.counters["x_read"] = seconds / read_seconds();
  if (items > 0) state.counters["items/s"] = items / seconds;
}

bool usable(benchmark::State& state) {
  if (!core_path().empty() && read_seconds() > 0) return true;
  state.SkipWithError("set COREHEAP_BENCH_CORE to a core file (bench/make_core.py writes one)");
  return false;
}

void open_core_file(benchmark::State& state) {
  if (!usable(state)) return;
  for (auto unused : state) {
    (void)unused;
    JobControl job;
    const auto start = Clock::now();
    auto snapshot = open_snapshot(job);
    benchmark::DoNotOptimize(snapshot.get());
    report(state, seconds_since(start), 0);
  }
}

void walk_allocators(benchmark::State& state) {
  if (!usable(state)) return;
  for (auto unused : state) {
    (void)unused;
    JobControl job;
    auto snapshot = open_snapshot(job);
    if (!snapshot) return state.SkipWithError("not a core");
    const auto start = Clock::now();
    auto pools = snapshot->pymalloc(job);
    auto heaps = snapshot->heaps(job);
    const double blocks = pools && heaps ? static_cast<double>((*pools)->live_blocks) : 0;
    report(state, seconds_since(start), blocks);
  }
}

void take_census(benchmark::State& state) {
  if (!usable(state)) return;
  for (auto unused : state) {
    (void)unused;
    JobControl job;
    auto snapshot = open_snapshot(job);
    if (!snapshot || !snapshot->types(job)) return state.SkipWithError("not a core");
    const auto start = Clock::now();
    auto census = snapshot->census(job);
    if (!census) return state.SkipWithError("no census");
    report(state, seconds_since(start), static_cast<double>((*census)->rows.size()));
  }
}

void everything_the_first_screen_needs(benchmark::State& state) {
  if (!usable(state)) return;
  for (auto unused : state) {
    (void)unused;
    JobControl job;
    const auto start = Clock::now();
    auto snapshot = open_snapshot(job);
    if (!snapshot) return state.SkipWithError("not a core");
    auto census = snapshot->census(job);
    report(state, seconds_since(start), census ? static_cast<double>((*census)->rows.size()) : 0);
  }
}

// The time of the walk over all blocks, in this process: what the graph's stages are multiples of.
double walk_seconds() {
  static const double best = [] {
    double seconds = 1e9;
    for (int round = 0; round < 3; ++round) {
      JobControl job;
      auto snapshot = open_snapshot(job);
      if (!snapshot || !snapshot->types(job)) return 0.0;
      const auto start = Clock::now();
      if (!snapshot->census(job)) return 0.0;
      seconds = std::min(seconds, seconds_since(start));
    }
    return seconds;
  }();
  return best;
}

void report_graph(benchmark::State& state, double seconds, std::uint64_t bytes, double objects) {
  report(state, seconds, objects);
  if (walk_seconds() > 0) state.counters["x_walk"] = seconds / walk_seconds();
  if (bytes > 0) state.counters["bytes/object"] = static_cast<double>(bytes) / objects;
}

void build_graph(benchmark::State& state) {
  if (!usable(state)) return;
  for (auto unused : state) {
    (void)unused;
    JobControl job;
    auto snapshot = open_snapshot(job);
    if (!snapshot || !snapshot->census(job)) return state.SkipWithError("not a core");
    const auto start = Clock::now();
    auto graph = snapshot->graph(job);
    if (!graph) return state.SkipWithError("no graph");
    report_graph(state, seconds_since(start), (*graph)->bytes(), (*graph)->objects());
  }
}

void find_retained_sizes(benchmark::State& state) {
  if (!usable(state)) return;
  for (auto unused : state) {
    (void)unused;
    JobControl job;
    auto snapshot = open_snapshot(job);
    if (!snapshot || !snapshot->graph(job)) return state.SkipWithError("not a core");
    const auto graph = snapshot->graph(job);
    const auto start = Clock::now();
    auto found = snapshot->dominators(job);
    if (!found) return state.SkipWithError("no dominators");
    report_graph(state, seconds_since(start), (*found)->bytes(), (*graph)->objects());
  }
}

// To the object in the middle, searched anew, as `why --paths` does.
void search_a_path(benchmark::State& state) {
  if (!usable(state)) return;
  JobControl job;
  auto snapshot = open_snapshot(job);
  if (!snapshot || !snapshot->graph(job)) return state.SkipWithError("not a core");
  const graph::Graph& graph = **snapshot->graph(job);
  for (auto unused : state) {
    (void)unused;
    const auto start = Clock::now();
    auto paths = graph::paths_by_holder(graph, graph::NodeId{graph.objects() / 2}, {}, 5, job);
    benchmark::DoNotOptimize(paths);
    report_graph(state, seconds_since(start), 0, graph.objects());
  }
}

// Everything from the file to retained sizes, itemised: a counter a step, in multiples of reading
// the file.
void a_whole_look_by_step(benchmark::State& state) {
  if (!usable(state)) return;
  for (auto unused : state) {
    (void)unused;
    JobControl job;
    bench::StepClock clock(job);
    const auto start = Clock::now();
    auto snapshot = open_snapshot(job);
    if (!snapshot || !snapshot->dominators(job)) return state.SkipWithError("not a core");
    const double seconds = seconds_since(start);
    for (const auto& [step, part] : clock.stop()) {
      state.counters["step " + (step.empty() ? "opening the file" : step)] = part / read_seconds();
    }
    const auto census = snapshot->census(job);
    report(state, seconds, census ? static_cast<double>((*census)->rows.size()) : 0);
  }
}

BENCHMARK(open_core_file)->Apply(bench::best_of_five);
BENCHMARK(walk_allocators)->Apply(bench::best_of_five);
BENCHMARK(take_census)->Apply(bench::best_of_five);
BENCHMARK(everything_the_first_screen_needs)->Apply(bench::best_of_five);
BENCHMARK(build_graph)->Apply(bench::best_of_five);
BENCHMARK(find_retained_sizes)->Apply(bench::best_of_five);
BENCHMARK(search_a_path)->Apply(bench::best_of_five);
BENCHMARK(a_whole_look_by_step)->Apply(bench::best_of_five);

}  // namespace
}  // namespace coreheap

BENCHMARK_MAIN();
