// `tracemalloc`: where traced memory was allocated, as tracemalloc.take_snapshot() would say it in
// the process: same figures, same order.
#include <fmt/format.h>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/screens.h"
#include "commands/table_options.h"
#include "commands/trace_filters.h"
#include "commands/trace_reports.h"
#include "heapparse/usage/trace_statistics.h"

namespace coreheap::commands {

namespace {

using python::Tracemalloc;
using usage::TraceKey;

enum StatisticColumn : unsigned { kSize, kCount, kAverage, kSite, kFile, kLine, kTraceback };

std::vector<Column> columns() {
  return {
      {"size", "", ColumnType::bytes, "bytes of the traced blocks"},
      {"count", "", ColumnType::integer, "number of blocks"},
      {"average", "", ColumnType::bytes, "size / count, rounded"},
      {"site", "", ColumnType::text, "file:line of the innermost frame; by file: the file"},
      {"file", "", ColumnType::text, "file of the innermost frame", false},
      {"line", "", ColumnType::identifier, "its line; by file: absent", false},
      {"traceback", "", ColumnType::text,
       "by traceback: file:line of each frame, innermost first, ';' between", false},
  };
}

constexpr std::size_t kSiteWidth = 44;  // beside three figures within 80 columns
constexpr std::size_t kFrameWidth = 76;

class StatisticRows final : public RowSource {
 public:
  StatisticRows(const Tracemalloc& traces, usage::TraceStatistics statistics, TraceKey key,
                bool as_text)
      : traces_(traces), statistics_(std::move(statistics)), key_(key), as_text_(as_text) {}

  std::uint64_t size() const override { return statistics_.lines.size(); }
  void fill(unsigned column, std::span<const std::uint64_t> rows, std::span<Cell> out,
            Texts& texts) const override {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      out[i] = cell(column, statistics_.lines[rows[i]], texts);
    }
  }

 private:
  Cell cell(unsigned column, const usage::TraceStatistic& line, Texts& texts) const {
    switch (column) {
      case kSize:
        return Cell::of_count(line.size);
      case kCount:
        return Cell::of_count(line.count);
      case kAverage:
        return Cell::of_count((line.size + line.count / 2) / line.count);
      case kSite: {
        std::string site = key_ == TraceKey::file ? traces_.files[line.frame.file]
                                                  : frame_text(traces_, line.frame);
        return Cell::of_text(
            texts.keep(as_text_ ? tail_fitted(site, kSiteWidth) : std::move(site)));
      }
      case kFile:
        return Cell::of_text(traces_.files[line.frame.file]);
      case kLine:
        return key_ == TraceKey::file ? Cell::absent() : Cell::of_count(line.frame.line);
      case kTraceback:
        return key_ == TraceKey::traceback
                   ? Cell::of_text(texts.keep(folded_text(traces_, line.traceback)))
                   : Cell::absent();
      default:
        return Cell::absent();
    }
  }

  const Tracemalloc& traces_;
  usage::TraceStatistics statistics_;
  TraceKey key_;
  bool as_text_;
};

enum TraceColumn : unsigned { kAddress, kBytes, kDomain, kDepth, kFrames };

std::vector<Column> trace_columns() {
  return {
      {"address", "", ColumnType::address, "the block"},
      {"size", "", ColumnType::bytes, "bytes that were asked for"},
      {"domain", "", ColumnType::identifier, "0: Python's own allocators"},
      {"depth", "", ColumnType::integer, "frames that the stack had; absent up to 3.8"},
      {"traceback", "", ColumnType::text, "file:line of each frame, innermost first"},
  };
}

class TraceRows final : public RowSource {
 public:
  explicit TraceRows(const Tracemalloc& traces) : traces_(traces) {}

  std::uint64_t size() const override { return traces_.size(); }
  void fill(unsigned column, std::span<const std::uint64_t> rows, std::span<Cell> out,
            Texts& texts) const override {
    for (std::size_t i = 0; i < rows.size(); ++i) out[i] = cell(column, rows[i], texts);
  }

 private:
  Cell cell(unsigned column, std::uint64_t row, Texts& texts) const {
    switch (column) {
      case kAddress:
        return Cell::of_address(traces_.addresses[row]);
      case kBytes:
        return Cell::of_count(traces_.sizes[row]);
      case kDomain:
        return Cell::of_count(traces_.domains[row]);
      case kDepth: {
        const std::uint32_t total = traces_.total_frames[traces_.tracebacks[row]];
        return total != 0 ? Cell::of_count(total) : Cell::absent();
      }
      case kFrames:
        return Cell::of_text(texts.keep(folded_text(traces_, traces_.tracebacks[row])));
      default:
        return Cell::absent();
    }
  }

  const Tracemalloc& traces_;
};

KeyValues figures(const Tracemalloc& traces) {
  KeyValues values;
  if (traces.max_frames) values.count("frame_limit", *traces.max_frames, "frames kept");
  values.bytes("traced", traces.traced_bytes, "traced now");
  if (traces.peak_bytes) values.bytes("peak", *traces.peak_bytes);
  values.count("traces", traces.size());
  if (traces.own_bytes) values.bytes("overhead", *traces.own_bytes, "its own tables");
  return values;
}

// Tracebacks do not fit into a column: each is a paragraph, innermost frame first.
std::string tracebacks_screen(const Tracemalloc& traces, const usage::TraceStatistics& statistics,
                              std::uint64_t limit) {
  std::string out;
  std::uint64_t shown = 0;
  for (const usage::TraceStatistic& line : statistics.lines) {
    if (shown++ == limit) {
      out +=
          fmt::format("({} more tracebacks: --limit all)\n",
                      with_thousands(static_cast<std::int64_t>(statistics.lines.size() - limit)));
      break;
    }
    out += fmt::format("{} in {} blocks, average {}\n", size_text(line.size),
                       with_thousands(static_cast<std::int64_t>(line.count)),
                       size_text((line.size + line.count / 2) / line.count));
    const auto frames = traces.frames_of(line.traceback);
    for (const python::TraceFrame& frame : frames) {
      out += "    " + tail_fitted(printable(frame_text(traces, frame)), kFrameWidth) + "\n";
    }
    if (const std::uint32_t total = traces.total_frames[line.traceback]; total > frames.size()) {
      out += fmt::format("    ({} older frames were not kept)\n", total - frames.size());
    }
  }
  if (out.empty()) out = "(none)\n";
  return out;
}

Result<usage::TraceQuestion> question_from(const Arguments& arguments) {
  usage::TraceQuestion question;
  const std::string_view by = arguments.value("by").value_or("lineno");
  if (by == "filename" || by == "file") {
    question.key = TraceKey::file;
  } else if (by == "traceback") {
    question.key = TraceKey::traceback;
  } else if (by != "lineno" && by != "line") {
    return fail(ErrorCode::usage, "--by", "no key '" + std::string(by) + "'",
                "lineno, filename or traceback");
  }
  question.cumulative = arguments.has("cumulative");
  if (question.cumulative && question.key == TraceKey::traceback) {
    return fail(ErrorCode::usage, "--cumulative", "a whole traceback has no frames left to count",
                "--by lineno --cumulative");
  }
  for (const bool inclusive : {true, false}) {
    const auto text = arguments.value(inclusive ? "filter" : "exclude");
    if (!text) continue;
    const auto added =
        add_trace_filters(*text, inclusive, arguments.has("all-frames"), question.filters);
    if (!added) return std::unexpected(added.error());
  }
  return question;
}

Result<Report> run(Context& context) {
  auto question = question_from(context.arguments);
  if (!question) return std::unexpected(question.error());
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto found = traces_of(context, **target);
  if (!found) return std::unexpected(found.error());
  const Tracemalloc& traces = **found;
  const auto runtime = (*target)->runtime(context.job);
  if (!runtime) return std::unexpected(runtime.error());
  // 3.6, the last without _PyRuntime, keeps tracebacks as they were taken: innermost first.
  question->oldest_first = *runtime == nullptr || (*runtime)->layout == nullptr ||
                           (*runtime)->layout->traits.has_pyruntime;

  Report report = report_on(**target);
  report.findings.insert(report.findings.end(), traces.findings.begin(), traces.findings.end());
  report.add("tracemalloc", "", figures(traces));
  if (context.arguments.has("traces")) {
    Table table;
    table.columns = trace_columns();
    table.rows = std::make_shared<TraceRows>(traces);
    report.add("traces", "", std::move(table));
    return report;
  }
  context.job.begin_step("summing traces", 0);
  usage::TraceStatistics statistics = usage::trace_statistics(traces, *question);
  const bool as_text = context.format == Format::text;
  std::optional<std::string> screen;
  if (as_text && question->key == TraceKey::traceback) {
    std::uint64_t limit = kTextLimit;
    if (const auto v = context.arguments.value("limit")) {
      limit = UINT64_MAX;
      if (const auto n = parse_number(*v, "--limit")) limit = *n;
    }
    screen = tracebacks_screen(traces, statistics, limit);
  }
  Table table;
  table.columns = columns();
  // Cumulative lines overlap: their sum is not a total of anything.
  if (!question->cumulative) {
    table.totals = {{"size", Cell::of_count(statistics.size)},
                    {"count", Cell::of_count(statistics.count)}};
  }
  table.rows =
      std::make_shared<StatisticRows>(traces, std::move(statistics), question->key, as_text);
  report.add("statistics", "", std::move(table)).screen = std::move(screen);
  report.next = {{"tracemalloc --by traceback --limit 3", "who called the largest ones"},
                 {"origin ADDR", "where one object was allocated"},
                 {"export --sites", "every block with its site"}};
  return report;
}

}  // namespace

Command tracemalloc_command() {
  return {
      .name = "tracemalloc",
      .aliases = {},
      .summary = "where memory was allocated, if tracemalloc was on",
      .description =
          "What tracemalloc.take_snapshot().statistics() would say in the process: bytes and\n"
          "blocks by line, file or traceback, largest first, and what is traced now, the peak,\n"
          "and what its own tables take. Needs a process that was started with\n"
          "PYTHONTRACEMALLOC=N (N frames are kept; 25 is a good number) or called\n"
          "tracemalloc.start(N).\n\n"
          "Filters are shell patterns over file names, as in tracemalloc.Filter: --filter keeps\n"
          "what matches one of them, --exclude drops it; 'app/*.py:12' is one line of such files,\n"
          "'*@0' only the traces of domain 0, '@0' every one of that domain.",
      .usage = "",
      .options = {{"by", 0, "KEY", "lineno (default), filename or traceback"},
                  {"cumulative", 0, "", "count every frame of a traceback, not only the innermost"},
                  {"filter", 0, "PATTERN,...", "only traces of these files"},
                  {"exclude", 0, "PATTERN,...", "all but the traces of these files"},
                  {"all-frames", 0, "",
                   "filters look at every frame of a traceback, not only the innermost"},
                  {"traces", 0, "",
                   "every trace instead: address, size, domain, depth, traceback"}},
      .columns = columns(),
      .group = Group::where,
      .cost = Cost::allocators,
      .run = run};
}

}  // namespace coreheap::commands
