// A counting sort. Workers share no counter: each takes a range of targets and runs over all edges,
// which are read in order and so cost little; the random writes are what is divided.
#include "heapparse/graph/csr.h"

#include <algorithm>

namespace coreheap::graph {
namespace {

// Each worker reads everything, so that more of them soon only read.
constexpr std::size_t kMostRanges = 8;
constexpr std::size_t kWorthwhile = 1 << 16;
constexpr std::uint32_t kPoll = 1 << 16;

}  // namespace

Result<Csr> transpose(const Csr& forward, JobControl& job) {
  const std::size_t n = forward.size();
  const std::size_t edges = forward.targets.size();
  Csr reverse;
  if (n == 0) return reverse;
  // Counts stand two places further; after the sums, offsets[t + 1] is where t's sources go next,
  // and once all have gone there, where they end.
  reverse.offsets.resize(n + 2);
  reverse.targets.resize(edges);
  const std::size_t ranges =
      edges < kWorthwhile ? 1 : std::min<std::size_t>(kMostRanges, worker_count(kMostRanges));
  const auto bound = [&](std::size_t range) {
    return static_cast<std::uint32_t>(n * range / ranges);
  };
  job.begin_step("turning references round", 2 * edges);
  auto done = parallel_for(ranges, job, [&](std::size_t range, unsigned) {
    const std::uint32_t begin = bound(range);
    const std::uint32_t end = bound(range + 1);
    std::uint32_t* count = reverse.offsets.data() + 2;
    if (range == 0) reverse.offsets[0] = reverse.offsets[1] = 0;
    std::fill(count + begin, count + end, 0);
    for (std::size_t e = 0; e < edges; ++e) {
      const std::uint32_t t = forward.targets[e];
      if (t - begin < end - begin) ++count[t];
      if ((e & (kPoll - 1)) == 0 && job.cancelled()) return;
    }
    job.advance(edges / ranges);
  });
  if (!done) return std::unexpected(done.error());
  std::uint32_t sum = 0;
  for (std::size_t t = 2; t < n + 2; ++t) sum = reverse.offsets[t] += sum;
  done = parallel_for(ranges, job, [&](std::size_t range, unsigned) {
    const std::uint32_t begin = bound(range);
    const std::uint32_t end = bound(range + 1);
    std::uint32_t* next = reverse.offsets.data() + 1;
    for (std::uint32_t v = 0; v < n; ++v) {
      for (const std::uint32_t t : forward.of(v)) {
        if (t - begin < end - begin) reverse.targets[next[t]++] = v;
      }
      if ((v & (kPoll - 1)) == 0 && job.cancelled()) return;
    }
    job.advance(edges / ranges);
  });
  if (!done) return std::unexpected(done.error());
  reverse.offsets.pop_back();
  return reverse;
}

}  // namespace coreheap::graph
