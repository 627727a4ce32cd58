// What queries cost once the census is there, as a ratio to one pass over what they name.
//
// `x_pass` is a query's time over that of reading the same columns once, on one core: for the
// filter and the group the bytes of flags, types and sizes of every row; for the field filter the
// bytes of the instances' own blocks.
#include <benchmark/benchmark.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include "bench/best_of_five.h"
#include "heapparse/snapshot/snapshot.h"
#include "querylang/checker.h"
#include "querylang/run.h"

namespace coreheap {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// One core, opened and walked once for all benchmarks.
struct Opened {
  JobControl job;
  std::unique_ptr<Snapshot> snapshot;
  const census::Census* census = nullptr;

  Opened() {
    const char* path = std::getenv("COREHEAP_BENCH_CORE");
    if (path == nullptr) return;
    auto image = image::open_core(path, {}, job);
    if (!image) return;
    snapshot = std::make_unique<Snapshot>(std::move(*image), SnapshotOptions{});
    const auto built = snapshot->census(job);
    if (built) census = *built;
  }
};

Opened& opened() {
  static Opened one;
  return one;
}

template <class Pass>
double best_of_five(Pass&& pass) {
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto start = Clock::now();
    pass();
    best = std::min(best, seconds_since(start));
  }
  return best;
}

double column_pass() {
  static const double seconds = best_of_five([] {
    const census::Rows& rows = opened().census->rows;
    std::uint64_t sum = 0;
    for (const std::uint8_t flags : rows.flags()) sum += flags;
    for (const std::uint32_t type : rows.types()) sum += type;
    for (const std::uint64_t size : rows.sizes()) sum += size;
    benchmark::DoNotOptimize(sum);
  });
  return seconds;
}

// Reads the blocks of all instances of the type that has most of them and is a class.
double block_pass(const std::string& type) {
  const census::Census& census = *opened().census;
  return best_of_five([&] {
    image::Reader reader(opened().snapshot->image().space);
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < census.rows.size(); ++i) {
      const census::RowId row{i};
      const census::TypeId id = census.rows.type(row);
      if (id == census::TypeId::none || census.types[census::index_of(id)].name != type) continue;
      const auto bytes = reader.bytes(census.rows.address(row), census.rows.size(row));
      for (std::size_t at = 0; at + 8 <= bytes.size(); at += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, bytes.data() + at, 8);
        sum += word;
      }
    }
    benchmark::DoNotOptimize(sum);
  });
}

void run_query(benchmark::State& state, const std::string& text, double pass) {
  if (opened().census == nullptr) {
    state.SkipWithError("set COREHEAP_BENCH_CORE to a core file (bench/make_core.py writes one)");
    return;
  }
  Snapshot& snapshot = *opened().snapshot;
  JobControl& job = opened().job;
  const query::Heap heap{snapshot.image(),         *opened().census,       **snapshot.heaps(job),
                         **snapshot.pymalloc(job), *snapshot.runtime(job), *snapshot.types(job)};
  for (auto unused : state) {
    (void)unused;
    query::Variables variables;
    const auto start = Clock::now();
    auto plan = query::plan(text, {});
    if (!plan) return state.SkipWithError(to_text(plan.error(), text).c_str());
    const auto result = query::run(std::move(*plan), heap, variables, job);
    const double seconds = seconds_since(start);
    if (!result) return state.SkipWithError("the query failed");
    state.SetIterationTime(seconds);
    state.counters["x_pass"] = seconds / pass;
    state.counters["rows"] = static_cast<double>((*result)->footer().matched);
  }
}

void filter_on_size_and_type(benchmark::State& state) {
  if (opened().census == nullptr) return state.SkipWithError("no core");
  run_query(state, "size > 48 and type == \"str\" | count", column_pass());
}

void group_by_type(benchmark::State& state) {
  if (opened().census == nullptr) return state.SkipWithError("no core");
  run_query(state, "from objects | group by type show count(), sum(size)", column_pass());
}

void field_filter(benchmark::State& state) {
  if (opened().census == nullptr) return state.SkipWithError("no core");
  const double pass = block_pass("__main__.Item");
  run_query(state, "type == \"__main__.Item\" and .status == 3 | count", pass);
}

void text_field_filter(benchmark::State& state) {
  if (opened().census == nullptr) return state.SkipWithError("no core");
  const double pass = block_pass("__main__.Item");
  run_query(state, "type == \"__main__.Item\" and .name == \"item 77777\" | count", pass);
}

BENCHMARK(filter_on_size_and_type)->Apply(bench::best_of_five);
BENCHMARK(group_by_type)->Apply(bench::best_of_five);
BENCHMARK(field_filter)->Apply(bench::best_of_five);
BENCHMARK(text_field_filter)->Apply(bench::best_of_five);

}  // namespace
}  // namespace coreheap

BENCHMARK_MAIN();
