// Cures with the bytes that each would bring. Only malloc_trim's is computed; the others say what
// would not have been kept had the setting been there from the start, at most.
#include <fmt/format.h>

#include <algorithm>

#include "heapparse/usage/free_memory.h"

namespace coreheap::usage {

namespace {

constexpr double kWorth = 0.01;        // of the total
constexpr double kWorthShared = 0.10;  // what a fork shares is worth keeping from here on
constexpr std::uint64_t kLeast = 1 << 20;
constexpr std::size_t kFewArenas = 2;

}  // namespace

std::vector<Cure> cures(const FreeMemory& m, const Waterfall& w) {
  std::vector<Cure> found;
  const auto worth = [&](std::uint64_t bytes) {
    return bytes >= kLeast && static_cast<double>(bytes) >= kWorth * static_cast<double>(w.total);
  };
  const auto add = [&](Cure cure) {
    if (worth(cure.bytes)) found.push_back(std::move(cure));
  };
  add({"malloc_trim", "malloc_trim(0) now", m.sum.trimmable, true, false,
       "whole free pages inside free chunks, and the main arena's top"});
  if (mmap_threshold_grew(m.parameters)) {
    add({"mmap_threshold", "MALLOC_MMAP_THRESHOLD_=131072", m.large_free, false, true,
         "blocks of 128 KiB and more get mappings that go when they are freed"});
  }
  if (m.arenas > kFewArenas && m.parameters.arena_max != kFewArenas) {
    add({"arena_max", "MALLOC_ARENA_MAX=2", m.beyond_two_arenas, false, true,
         fmt::format("free memory of {} arenas could serve all threads", m.arenas)});
  }
  if (m.parameters.found && !m.glibc.empty() && !m.glibc.front().arenas.empty() &&
      m.parameters.trim_threshold > kDefaultTrimThreshold) {
    const std::uint64_t top = m.glibc.front().arenas.front().top_resident;
    const std::uint64_t keeps = kDefaultTrimThreshold + m.parameters.top_pad;
    add({"trim_threshold", "MALLOC_TRIM_THRESHOLD_=131072", top > keeps ? top - keeps : 0, false,
         true, "free() would have lowered brk once that much is free at its end"});
  }
  if (m.pools.live_bytes < m.pools.resident / 2) {
    add({"python_malloc", "PYTHONMALLOC=malloc", m.pools.held, false, true,
         "no arenas that one object keeps; glibc holds back less, but not nothing"});
  }
  if (static_cast<double>(m.shared_anonymous) >= kWorthShared * static_cast<double>(w.total)) {
    add({"gc_freeze", "gc.freeze() before fork", m.shared_anonymous, false, true,
         "pages still shared with its relatives; a collection that writes to them copies them"});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Cure& a, const Cure& b) { return a.bytes > b.bytes; });
  return found;
}

}  // namespace coreheap::usage
