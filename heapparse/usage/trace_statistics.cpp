// Traces are first summed by (traceback, domain), of which there are few; filters and keys look at
// those only.
#include "heapparse/usage/trace_statistics.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <unordered_map>

#include "heapparse/usage/file_pattern.h"

namespace coreheap::usage {

namespace {

using python::TraceFrame;
using python::Tracemalloc;

struct Sum {
  std::uint64_t size = 0;
  std::uint64_t count = 0;
  Sum& operator+=(const Sum& other) {
    size += other.size;
    count += other.count;
    return *this;
  }
};

std::uint64_t pack(std::uint32_t high, std::uint32_t low) {
  return std::uint64_t{high} << 32 | low;
}

// A compiled file counts as its source.
std::string_view source_name(std::string_view file) {
  return file.ends_with(".pyc") ? file.substr(0, file.size() - 1) : file;
}

class CompiledFilter {
 public:
  CompiledFilter(const TraceFilter& filter, const Tracemalloc& traces)
      : filter_(filter), traces_(traces) {
    if (!filter.file_pattern) return;
    const FilePattern pattern(source_name(*filter.file_pattern));
    files_.reserve(traces.files.size());
    for (const std::string& file : traces.files)
      files_.push_back(pattern.matches(source_name(file)));
  }

  bool inclusive() const { return filter_.inclusive; }
  // Does the filter let it through? An exclusive one does when it does not match.
  bool passes(std::uint32_t traceback, std::uint32_t domain) const {
    if (!filter_.file_pattern) return (domain == filter_.domain) == filter_.inclusive;
    const auto frames = traces_.frames_of(traceback);
    bool found = false;
    for (const TraceFrame& frame : frames) {
      found = files_[frame.file] && (!filter_.line || frame.line == *filter_.line);
      if (found || !filter_.all_frames) break;
    }
    const bool passed = found == filter_.inclusive;
    if (!filter_.domain) return passed;
    return filter_.inclusive ? passed && domain == *filter_.domain
                             : passed || domain != *filter_.domain;
  }

 private:
  const TraceFilter& filter_;
  const Tracemalloc& traces_;
  std::vector<bool> files_;
};

bool all_pass(const std::vector<CompiledFilter>& filters, std::uint32_t traceback,
              std::uint32_t domain) {
  bool any_inclusive = false;
  bool included = false;
  for (const CompiledFilter& filter : filters) {
    const bool passes = filter.passes(traceback, domain);
    if (filter.inclusive()) {
      any_inclusive = true;
      included = included || passes;
    } else if (!passes) {
      return false;
    }
  }
  return included || !any_inclusive;
}

// Sums by traceback of the traces that pass.
std::vector<Sum> sums_by_traceback(const Tracemalloc& traces,
                                   const std::vector<TraceFilter>& filters) {
  std::vector<CompiledFilter> compiled;
  compiled.reserve(filters.size());
  for (const TraceFilter& filter : filters) compiled.emplace_back(filter, traces);
  std::vector<Sum> sums(traces.total_frames.size());
  std::unordered_map<std::uint64_t, bool> decided;  // of other domains than the default one
  std::vector<signed char> decided_default(sums.size(), -1);
  for (std::size_t i = 0; i < traces.size(); ++i) {
    const std::uint32_t traceback = traces.tracebacks[i];
    const std::uint32_t domain = traces.domains[i];
    bool passes = true;
    if (!compiled.empty() && domain == 0) {
      auto& known = decided_default[traceback];
      if (known < 0) known = all_pass(compiled, traceback, domain) ? 1 : 0;
      passes = known == 1;
    } else if (!compiled.empty()) {
      const auto [at, fresh] = decided.try_emplace(pack(domain, traceback), false);
      if (fresh) at->second = all_pass(compiled, traceback, domain);
      passes = at->second;
    }
    if (passes) sums[traceback] += Sum{traces.sizes[i], 1};
  }
  return sums;
}

// Places of files in the order of their names; UTF-8 sorts as code points do.
std::vector<std::uint32_t> ranks_of(const std::vector<std::string>& files) {
  std::vector<std::uint32_t> order(files.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(),
            [&](std::uint32_t a, std::uint32_t b) { return files[a] < files[b]; });
  std::vector<std::uint32_t> ranks(files.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) ranks[order[i]] = i;
  return ranks;
}

// Tracebacks that are alike frame by frame are one, whatever lay below them.
std::string_view bytes_of(std::span<const TraceFrame> frames) {
  static_assert(sizeof(TraceFrame) == 8);  // no padding: equal bytes are equal frames
  return {reinterpret_cast<const char*>(frames.data()), frames.size_bytes()};
}

}  // namespace

TraceStatistics trace_statistics(const Tracemalloc& traces, const TraceQuestion& question) {
  const std::vector<Sum> sums = sums_by_traceback(traces, question.filters);
  TraceStatistics out;
  std::unordered_map<std::uint64_t, std::size_t> by_frame;
  std::unordered_map<std::string_view, std::size_t> by_frames;
  for (std::uint32_t t = 0; t < sums.size(); ++t) {
    if (sums[t].count == 0) continue;
    out.size += sums[t].size;
    out.count += sums[t].count;
    const auto frames = traces.frames_of(t);
    if (question.key == TraceKey::traceback) {
      const auto [at, fresh] = by_frames.try_emplace(bytes_of(frames), out.lines.size());
      if (fresh) out.lines.push_back({frames.front(), t, 0, 0});
      out.lines[at->second].size += sums[t].size;
      out.lines[at->second].count += sums[t].count;
      continue;
    }
    const auto counted = question.cumulative ? frames : frames.first(1);
    for (const TraceFrame& frame : counted) {
      const std::uint32_t line = question.key == TraceKey::line ? frame.line : 0;
      const auto [at, fresh] = by_frame.try_emplace(pack(frame.file, line), out.lines.size());
      if (fresh) out.lines.push_back({{frame.file, line}, t, 0, 0});
      out.lines[at->second].size += sums[t].size;
      out.lines[at->second].count += sums[t].count;
    }
  }
  const auto ranks = ranks_of(traces.files);
  const auto less = [&](const TraceFrame& a, const TraceFrame& b) {
    return a.file != b.file ? ranks[a.file] < ranks[b.file] : a.line < b.line;
  };
  const auto before = [&](const TraceStatistic& a, const TraceStatistic& b) {
    if (question.key != TraceKey::traceback) return less(a.frame, b.frame);
    const auto x = traces.frames_of(a.traceback);
    const auto y = traces.frames_of(b.traceback);
    return question.oldest_first
               ? std::lexicographical_compare(x.rbegin(), x.rend(), y.rbegin(), y.rend(), less)
               : std::lexicographical_compare(x.begin(), x.end(), y.begin(), y.end(), less);
  };
  std::sort(out.lines.begin(), out.lines.end(),
            [&](const TraceStatistic& a, const TraceStatistic& b) {
              if (a.size != b.size) return a.size > b.size;
              if (a.count != b.count) return a.count > b.count;
              return before(b, a);
            });
  return out;
}

}  // namespace coreheap::usage
