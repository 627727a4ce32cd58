// Sums over tracemalloc's traces, as tracemalloc.Snapshot makes them: filter_traces() and
// statistics(), to the byte and in the same order.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "heapparse/python/tracemalloc.h"

namespace coreheap::usage {

// tracemalloc.Filter, or DomainFilter where there is no pattern.
struct TraceFilter {
  bool inclusive = true;
  std::optional<std::string> file_pattern;
  std::optional<std::uint32_t> line;
  bool all_frames = false;  // any frame of the traceback, not only the innermost
  std::optional<std::uint32_t> domain;
};

enum class TraceKey : std::uint8_t { line, file, traceback };

struct TraceStatistic {
  python::TraceFrame frame;     // innermost; its line is 0 where files are summed
  std::uint32_t traceback = 0;  // where tracebacks are summed: one of those that are alike
  std::uint64_t size = 0;
  std::uint64_t count = 0;
};

struct TraceStatistics {
  std::vector<TraceStatistic> lines;  // largest first
  std::uint64_t size = 0;             // of the traces that passed the filters
  std::uint64_t count = 0;
};

struct TraceQuestion {
  TraceKey key = TraceKey::line;
  // Every frame of a traceback counts, again where it comes again; not with TraceKey::traceback.
  bool cumulative = false;
  std::vector<TraceFilter> filters;
  // Ties are broken by traceback, oldest frame first; 3.6 compares the innermost first.
  bool oldest_first = true;
};

TraceStatistics trace_statistics(const python::Tracemalloc& traces, const TraceQuestion& question);

}  // namespace coreheap::usage
