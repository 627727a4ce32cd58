// Curves as text and as SVG.
#include "commands/curves.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>

#include "commands/figures.h"
#include "commands/svg.h"

namespace coreheap::commands {

namespace {

using usage::Counter;
using usage::Recording;
using usage::Sample;

constexpr std::size_t kCurve = 30;  // columns
// From nothing to the largest; readable without colour.
constexpr std::string_view kLevels = " .:-=+*#";

class SampleRows final : public RowSource {
 public:
  explicit SampleRows(const Recording& recording) : samples_(recording.samples) {}
  std::uint64_t size() const override { return samples_.size(); }
  void fill(unsigned column, std::span<const std::uint64_t> rows, std::span<Cell> out,
            Texts&) const override {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const Sample& sample = samples_[rows[i]];
      out[i] = column == 0   ? Cell::of_number(sample.seconds)
               : column == 1 ? Cell::of_count(sample.unix_ms)
                             : Cell::of_count(sample.values[column - 2]);
    }
  }

 private:
  std::vector<Sample> samples_;
};

std::string amount(Counter counter, std::uint64_t value) {
  return usage::is_bytes(counter) ? size_text(value)
                                  : with_thousands(static_cast<std::int64_t>(value));
}

// The sample that stands for column `i` of `columns`: the one nearest in time.
const Sample& sample_at(const Recording& recording, std::size_t i, std::size_t columns) {
  const double end = recording.samples.back().seconds;
  const double at =
      columns < 2 ? end : end * static_cast<double>(i) / static_cast<double>(columns - 1);
  const auto next = std::lower_bound(recording.samples.begin(), recording.samples.end(), at,
                                     [](const Sample& s, double t) { return s.seconds < t; });
  if (next == recording.samples.end()) return recording.samples.back();
  if (next == recording.samples.begin()) return *next;
  const auto before = next - 1;
  return at - before->seconds < next->seconds - at ? *before : *next;
}

std::string curve_of(const Recording& recording, Counter counter, std::uint64_t scale) {
  std::string curve;
  for (std::size_t i = 0; i < kCurve; ++i) {
    const std::uint64_t value = sample_at(recording, i, kCurve).of(counter);
    const std::size_t level =
        scale == 0
            ? 0
            : static_cast<std::size_t>((static_cast<double>(value) / static_cast<double>(scale)) *
                                           static_cast<double>(kLevels.size() - 1) +
                                       0.5);
    curve += kLevels[std::min(level, kLevels.size() - 1)];
  }
  return curve;
}

std::uint64_t largest(const Recording& recording, Counter counter) {
  std::uint64_t most = 0;
  for (const Sample& sample : recording.samples) most = std::max(most, sample.of(counter));
  return most;
}

// "+12.0 MiB/h", by the least squares of all samples; empty for less than three.
std::string slope_of(const Recording& recording, Counter counter) {
  if (recording.samples.size() < 3 || recording.samples.back().seconds <= 0) return "-";
  double time = 0;
  double value = 0;
  const auto n = static_cast<double>(recording.samples.size());
  for (const Sample& s : recording.samples) {
    time += s.seconds / n;
    value += static_cast<double>(s.of(counter)) / n;
  }
  double covariance = 0;
  double variance = 0;
  for (const Sample& s : recording.samples) {
    covariance += (s.seconds - time) * (static_cast<double>(s.of(counter)) - value);
    variance += (s.seconds - time) * (s.seconds - time);
  }
  const double an_hour = covariance / variance * 3600;
  const auto magnitude = static_cast<std::uint64_t>(an_hour < 0 ? -an_hour : an_hour);
  if (magnitude == 0) return "0";
  return (an_hour < 0 ? "-" : "+") + amount(counter, magnitude);
}

// What is stacked: parts of the resident memory that do not overlap.
struct Layer {
  Counter counter;
  std::string_view colour;
};
constexpr std::array kLayers = {Layer{Counter::anonymous, "#4477aa"},
                                Layer{Counter::file, "#ccbb44"}, Layer{Counter::shmem, "#aa3377"}};
// Lines over them.
constexpr std::array kLines = {Layer{Counter::glibc_arenas, "#228833"},
                               Layer{Counter::pymalloc_used_pools, "#ee6677"}};

}  // namespace

Table recording_table(const Recording& recording) {
  Table table;
  table.columns = {{"seconds", "", ColumnType::integer, "since the first sample"},
                   {"unix_ms", "", ColumnType::identifier, "wall clock, milliseconds", false}};
  for (std::size_t i = 0; i < usage::kCounters; ++i) {
    const auto counter = static_cast<Counter>(i);
    const bool shown = counter == Counter::rss || counter == Counter::anonymous ||
                       counter == Counter::glibc_arenas || counter == Counter::pymalloc_used_pools;
    table.columns.push_back({usage::name_of(counter), "",
                             usage::is_bytes(counter) ? ColumnType::bytes : ColumnType::integer,
                             usage::title_of(counter), shown});
  }
  table.rows = std::make_shared<SampleRows>(recording);
  return table;
}

std::string curves_screen(const Recording& recording) {
  if (recording.samples.empty()) return "(no samples)\n";
  std::string text =
      fmt::format("{:<20}{:>11}{:>11}  {:<30}\n", "", "first", "last", "curve, 0 to the largest");
  for (std::size_t i = 0; i < usage::kCounters; ++i) {
    const auto counter = static_cast<Counter>(i);
    const std::uint64_t most = largest(recording, counter);
    if (most == 0) continue;
    text += fmt::format("{:<20}{:>11}{:>11}  {:<30}\n", usage::title_of(counter),
                        amount(counter, recording.samples.front().of(counter)),
                        amount(counter, recording.samples.back().of(counter)),
                        curve_of(recording, counter, most));
  }
  text +=
      fmt::format("{} samples in {}; RSS at most {}, its slope {} an hour\n",
                  with_thousands(static_cast<std::int64_t>(recording.samples.size())),
                  seconds_text(recording.samples.back().seconds),
                  size_text(largest(recording, Counter::rss)), slope_of(recording, Counter::rss));
  return text;
}

std::string curves_picture(const Recording& recording) {
  constexpr double kLeft = 80;
  constexpr double kTop = 40;
  constexpr double kWidth = 780;
  constexpr double kHeight = 360;
  Svg svg(1000, 440);
  svg.text(kLeft, 20, recording.command_line);
  if (recording.samples.empty()) return svg.finish();
  std::uint64_t most = largest(recording, Counter::rss);
  for (const Layer& line : kLines) most = std::max(most, largest(recording, line.counter));
  most = std::max<std::uint64_t>(most, 1);
  const double end = std::max(recording.samples.back().seconds, 1e-3);
  const auto x_of = [&](double seconds) { return kLeft + kWidth * seconds / end; };
  const auto y_of = [&](std::uint64_t bytes) {
    return kTop + kHeight * (1 - static_cast<double>(bytes) / static_cast<double>(most));
  };
  std::vector<std::uint64_t> below(recording.samples.size(), 0);
  double legend = kTop + 10;
  for (const Layer& layer : kLayers) {
    std::string points;
    for (std::size_t i = 0; i < recording.samples.size(); ++i) {
      const Sample& s = recording.samples[i];
      points += fmt::format("{:g},{:g} ", x_of(s.seconds), y_of(below[i] + s.of(layer.counter)));
    }
    for (std::size_t i = recording.samples.size(); i-- > 0;) {
      const Sample& s = recording.samples[i];
      points += fmt::format("{:g},{:g} ", x_of(s.seconds), y_of(below[i]));
      below[i] += s.of(layer.counter);
    }
    svg.polygon(points, layer.colour);
    svg.rectangle(kLeft + kWidth + 10, legend - 9, 10, 10, layer.colour);
    svg.text(kLeft + kWidth + 25, legend, usage::title_of(layer.counter));
    legend += 16;
  }
  for (const Layer& line : kLines) {
    if (largest(recording, line.counter) == 0) continue;
    for (std::size_t i = 1; i < recording.samples.size(); ++i) {
      const Sample& a = recording.samples[i - 1];
      const Sample& b = recording.samples[i];
      svg.line(x_of(a.seconds), y_of(a.of(line.counter)), x_of(b.seconds), y_of(b.of(line.counter)),
               line.colour);
    }
    svg.line(kLeft + kWidth + 10, legend - 4, kLeft + kWidth + 20, legend - 4, line.colour);
    svg.text(kLeft + kWidth + 25, legend, usage::title_of(line.counter));
    legend += 16;
  }
  for (std::size_t i = 0; i <= 4; ++i) {
    const double y = kTop + kHeight * static_cast<double>(i) / 4;
    svg.line(kLeft - 4, y, kLeft, y, "black");
    svg.text(kLeft - 8, y + 4, size_text(most * (4 - i) / 4), "end");
  }
  svg.line(kLeft, kTop, kLeft, kTop + kHeight, "black");
  svg.line(kLeft, kTop + kHeight, kLeft + kWidth, kTop + kHeight, "black");
  svg.text(kLeft, kTop + kHeight + 18, "0");
  svg.text(kLeft + kWidth, kTop + kHeight + 18, seconds_text(end), "end");
  return svg.finish();
}

}  // namespace coreheap::commands
