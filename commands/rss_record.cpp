// Recording: samples go to the file as they come, so that it is whole whenever this ends.
#include "commands/rss_record.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <thread>

#include "commands/curves.h"
#include "commands/figures.h"
#include "heapparse/image/open.h"
#include "heapparse/snapshot/snapshot.h"
#include "heapparse/usage/sampler.h"

namespace coreheap::commands {

namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr Seconds kPoll{0.05};
constexpr std::size_t kMostSamples = 1'000'000;  // kept for the curves

// "5", "5s", "10m", "2h", "1d".
Result<double> parse_time(std::string_view word, const std::string& option) {
  double value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
  const std::string_view unit = word.substr(static_cast<std::size_t>(end - word.data()));
  const double factor = unit.empty() || unit == "s" ? 1
                        : unit == "m"               ? 60
                        : unit == "h"               ? 3600
                        : unit == "d"               ? 86400
                                                    : 0;
  if (error != std::errc() || factor == 0 || !(value > 0) || value * factor > 1e9) {
    return fail(ErrorCode::usage, option, "'" + std::string(word) + "' is no time",
                option + " 5s (units: s, m, h, d)");
  }
  return value * factor;
}

// Each line is written at once.
class LineFile {
 public:
  LineFile() = default;
  LineFile(const LineFile&) = delete;
  LineFile& operator=(const LineFile&) = delete;
  ~LineFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  Result<void> open(const std::string& path) {
    path_ = path;
    fd_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd_ < 0) return fail(ErrorCode::io_error, path, std::strerror(errno));
    return {};
  }
  Result<void> write(const std::string& line) {
    if (fd_ < 0) return {};
    std::size_t done = 0;
    while (done < line.size()) {
      const ssize_t n = ::write(fd_, line.data() + done, line.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail(ErrorCode::io_error, path_, std::strerror(errno));
      done += static_cast<std::size_t>(n);
    }
    return {};
  }

 private:
  int fd_ = -1;
  std::string path_;
};

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  const auto of = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

Report report_of(const usage::Recording& recording) {
  Report report;
  report.main_name = "samples";
  report.add("samples", "", recording_table(recording)).screen = curves_screen(recording);
  report.picture = curves_picture(recording);
  return report;
}

Result<Report> show(Context& context, std::string_view path) {
  auto recording = usage::read_recording(std::string(path));
  if (!recording) return std::unexpected(recording.error());
  Report report = report_of(*recording);
  report.target = context.session.target_name();
  report.next = {{"rss", "where it is now"}};
  return report;
}

}  // namespace

bool is_recording(const Arguments& arguments) {
  return arguments.has("record") || arguments.has("curves") || arguments.has("mprof");
}

Result<Report> record_rss(Context& context) {
  const Arguments& arguments = context.arguments;
  if (const auto path = arguments.value("curves")) return show(context, *path);
  const auto pid = context.session.live_pid();
  if (!pid) {
    return fail(ErrorCode::usage, "--record", "follows a running process, not this target",
                "coreheap PID rss --record FILE");
  }
  const auto every = parse_time(arguments.value("every").value_or("5s"), "--every");
  if (!every) return std::unexpected(every.error());
  std::optional<double> length;
  if (const auto word = arguments.value("for")) {
    const auto seconds = parse_time(*word, "--for");
    if (!seconds) return std::unexpected(seconds.error());
    length = *seconds;
  }

  // Where the counters are is found in a copy made while the process runs: being torn does no harm.
  image::OpenOptions options = context.session.open_options();
  options.no_stop = true;
  auto image = image::open_process(*pid, options, context.job);
  if (!image) return std::unexpected(image.error());
  usage::Recording recording;
  recording.command_line = image->process.command_line;
  std::optional<usage::Sampler> sampler;
  {
    Snapshot snapshot(std::move(*image), {});
    const auto heaps = snapshot.heaps(context.job);
    if (!heaps) return std::unexpected(heaps.error());
    const auto pymalloc = snapshot.pymalloc(context.job);
    if (!pymalloc) return std::unexpected(pymalloc.error());
    sampler.emplace(*pid, **heaps, **pymalloc);
  }

  LineFile file;
  LineFile mprof;
  if (const auto path = arguments.value("record")) {
    if (auto opened = file.open(std::string(*path)); !opened) {
      return std::unexpected(opened.error());
    }
  }
  if (const auto path = arguments.value("mprof")) {
    if (auto opened = mprof.open(std::string(*path)); !opened) {
      return std::unexpected(opened.error());
    }
  }
  auto wrote = file.write(usage::recording_header(recording.command_line));
  if (wrote) wrote = mprof.write(usage::mprof_header(recording.command_line));
  if (!wrote) return std::unexpected(wrote.error());

  const auto began = Clock::now();
  const double cpu_before = cpu_seconds();
  std::string ended;
  context.job.begin_step("recording", length ? static_cast<std::uint64_t>(*length * 1000) : 0);
  for (std::uint64_t n = 0;; ++n) {
    const auto sample = sampler->take();
    if (!sample) {
      ended = sample.error().subject + " ended";
      break;
    }
    if (recording.samples.size() < kMostSamples) recording.samples.push_back(*sample);
    wrote = file.write(usage::recording_line(*sample));
    if (wrote) wrote = mprof.write(usage::mprof_line(*sample));
    if (!wrote) return std::unexpected(wrote.error());
    // The next point of the grid: late samples do not move it.
    const auto next = began + std::chrono::duration_cast<Clock::duration>(
                                  Seconds(*every * static_cast<double>(n + 1)));
    const auto last = length ? began + std::chrono::duration_cast<Clock::duration>(Seconds(*length))
                             : Clock::time_point::max();
    if (next > last) break;
    while (Clock::now() < next && !context.job.cancelled()) {
      const auto left = std::min<Seconds>(kPoll, next - Clock::now());
      std::this_thread::sleep_for(std::max<Seconds>(left, Seconds(0)));
      context.job.advance(static_cast<std::uint64_t>(std::max(left.count(), 0.0) * 1000));
    }
    if (context.job.cancelled()) {
      return fail(ErrorCode::cancelled, "recording",
                  fmt::format("ended after {} samples", recording.samples.size()),
                  fmt::format("{}rss --curves {}", context.session.prefix,
                              arguments.value("record").value_or("FILE")));
    }
  }
  if (recording.samples.empty())
    return std::unexpected(Error{ErrorCode::process_vanished,
                                 fmt::format("pid {}", *pid),
                                 "ended before the first sample",
                                 {}});
  const double cpu = cpu_seconds() - cpu_before;
  Report report = report_of(recording);
  report.target = fmt::format("pid {}", *pid);
  KeyValues cost;
  cost.count("samples", recording.samples.size());
  cost.count("cpu_microseconds_per_sample",
             static_cast<std::uint64_t>(cpu * 1e6 / static_cast<double>(recording.samples.size())),
             "CPU a sample (microseconds)");
  cost.text("ended", ended);
  report.add("cost", "", std::move(cost));
  report.next = {
      {fmt::format("rss --curves {} -o curves.svg", arguments.value("record").value_or("FILE")),
       "a picture"},
      {"rss", "where it is now"}};
  return report;
}

}  // namespace coreheap::commands
