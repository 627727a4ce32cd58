// Why free memory stays: rules with their thresholds, each a sentence with the figures behind it.
// docs/verdict.md describes them.
#include <fmt/format.h>

#include <algorithm>

#include "heapparse/usage/free_memory.h"

namespace coreheap::usage {

namespace {

constexpr double kWorthSaying = 0.05;  // of the total: less is no reason for anything
constexpr double kLargePart = 0.25;    // of what is free in the allocator that it speaks of
constexpr std::size_t kFewArenas = 2;  // that every threaded process has
constexpr std::uint64_t kMebi = 1 << 20;

std::string mebi(std::uint64_t bytes) {
  return fmt::format("{:.{}f} MiB", static_cast<double>(bytes) / static_cast<double>(kMebi),
                     bytes < 10 * kMebi ? 1 : 0);
}

std::string threshold(std::uint64_t bytes) {
  return bytes >= kMebi ? mebi(bytes) : fmt::format("{} KiB", bytes / 1024);
}

class Rules {
 public:
  Rules(const FreeMemory& memory, const Waterfall& w) : m_(memory), w_(w) {}

  std::vector<Reason> run() {
    not_trimmed();
    pinned();
    mmap_threshold();
    arenas();
    thread_tops();
    pymalloc();
    std::stable_sort(reasons_.begin(), reasons_.end(),
                     [](const Reason& a, const Reason& b) { return a.bytes > b.bytes; });
    return std::move(reasons_);
  }

 private:
  bool carries(std::uint64_t bytes, std::uint64_t of) const {
    const auto n = static_cast<double>(bytes);
    return n >= kWorthSaying * static_cast<double>(w_.total) &&
           n >= kLargePart * static_cast<double>(of);
  }

  void not_trimmed() {
    if (!carries(m_.sum.trimmable, m_.sum.free_resident)) return;
    reasons_.push_back(
        {"not_trimmed",
         fmt::format("glibc returns memory by itself only from the top of an arena; {} lie "
                     "below, in whole free pages that malloc_trim(0) would return.",
                     mebi(m_.sum.trimmable)),
         m_.sum.trimmable});
  }

  void pinned() {
    const std::uint64_t held = m_.sum.held > m_.thread_tops ? m_.sum.held - m_.thread_tops : 0;
    if (!carries(held, m_.sum.free_resident)) return;
    reasons_.push_back(
        {"pinned",
         fmt::format("{} of free chunks share their pages with blocks in use: no trim returns "
                     "them while those live.",
                     mebi(held)),
         held});
  }

  void mmap_threshold() {
    if (!mmap_threshold_grew(m_.parameters)) return;
    if (!carries(m_.large_free, m_.sum.free_resident)) return;
    reasons_.push_back(
        {"mmap_threshold",
         fmt::format("mmap_threshold has grown to {} (default 128 KiB): blocks up to that size "
                     "come from arenas, and {} are free in runs of 128 KiB or more.",
                     threshold(m_.parameters.mmap_threshold), mebi(m_.large_free)),
         m_.large_free});
  }

  void arenas() {
    if (m_.arenas <= kFewArenas) return;
    if (!carries(m_.other_arenas_free, m_.sum.free_resident)) return;
    reasons_.push_back(
        {"arenas",
         fmt::format("{} arenas for {} threads: {} are free in arenas other than the main one, "
                     "and a thread of another arena cannot use them.",
                     m_.arenas, m_.threads, mebi(m_.other_arenas_free)),
         m_.other_arenas_free});
  }

  void thread_tops() {
    if (!carries(m_.thread_tops, m_.sum.free_resident)) return;
    reasons_.push_back(
        {"thread_tops",
         fmt::format("{} are tops of threads' arenas, which malloc_trim(0) does not touch.",
                     mebi(m_.thread_tops)),
         m_.thread_tops});
  }

  void pymalloc() {
    const std::uint64_t held = m_.pools.held;
    if (!carries(held, m_.pools.resident)) return;
    std::string sentence = fmt::format(
        "{} are free inside pymalloc's arenas, and each arena stays while one object in it lives",
        mebi(held));
    // The largest part of the arenas that goes with the fewest objects.
    for (const FreedIf& step : m_.pools.freed_if) {
      if (step.bytes * 4 < m_.pools.resident || step.arenas == 0) continue;
      if (step.arenas < m_.pools.arenas.size()) {
        sentence += fmt::format(": {} objects keep {} of its {} arenas", step.objects, step.arenas,
                                m_.pools.arenas.size());
      }
      break;
    }
    reasons_.push_back({"pymalloc_pinned", sentence + ".", held});
  }

  const FreeMemory& m_;
  const Waterfall& w_;
  std::vector<Reason> reasons_;
};

}  // namespace

std::vector<Reason> why_it_stays(const FreeMemory& memory, const Waterfall& waterfall) {
  if (waterfall.total == 0) return {};
  return Rules(memory, waterfall).run();
}

}  // namespace coreheap::usage
