// Names of counters, and recordings as text.
#include "heapparse/usage/recording.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <sstream>

namespace coreheap::usage {

namespace {

struct CounterInfo {
  std::string_view name;
  std::string_view title;
  bool bytes;
};
constexpr std::array<CounterInfo, kCounters> kInfo = {{
    {"rss", "RSS", true},
    {"pss", "PSS", true},
    {"anonymous", "anonymous", true},
    {"file", "of files", true},
    {"shmem", "shared memory", true},
    {"swapped", "swapped out", true},
    {"page_tables", "page tables", true},
    {"glibc.arenas", "glibc's arenas", true},
    {"glibc.mmapped", "glibc's mappings", true},
    {"pymalloc.used_pools", "pymalloc, used pools", true},
    {"pymalloc.free_pools", "pymalloc, free pools", true},
    {"mappings", "mappings", false},
    {"threads", "threads", false},
}};

constexpr std::string_view kMagic = "# coreheap recording 1: ";
constexpr std::size_t kLongestCommand = 4096;

// One line whatever the command line holds.
std::string one_line(std::string_view text) {
  std::string out(text.substr(0, kLongestCommand));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return out;
}

template <class T>
bool take_number(std::string_view& line, T& value) {
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc{}) return false;
  line.remove_prefix(static_cast<std::size_t>(end - line.data()));
  if (!line.empty() && line.front() == ',') line.remove_prefix(1);
  return true;
}

}  // namespace

std::string_view name_of(Counter counter) { return kInfo[static_cast<std::size_t>(counter)].name; }
std::string_view title_of(Counter counter) {
  return kInfo[static_cast<std::size_t>(counter)].title;
}
bool is_bytes(Counter counter) { return kInfo[static_cast<std::size_t>(counter)].bytes; }

std::string recording_header(std::string_view command_line) {
  std::string text = std::string(kMagic) + one_line(command_line) + "\nseconds,unix_ms";
  for (const CounterInfo& info : kInfo) text += fmt::format(",{}", info.name);
  return text + '\n';
}

std::string recording_line(const Sample& sample) {
  std::string text = fmt::format("{:.3f},{}", sample.seconds, sample.unix_ms);
  for (const std::uint64_t value : sample.values) text += fmt::format(",{}", value);
  return text + '\n';
}

Result<Recording> read_recording(const std::string& path) {
  std::ifstream file(path);
  if (!file) return fail(ErrorCode::io_error, path, "cannot be opened");
  Recording recording;
  std::string line;
  if (!std::getline(file, line) || !line.starts_with(kMagic)) {
    return fail(ErrorCode::usage, path, "is no recording of `rss --record`");
  }
  recording.command_line = line.substr(kMagic.size());
  std::getline(file, line);  // names
  while (std::getline(file, line)) {
    std::string_view rest = line;
    Sample sample;
    bool good = take_number(rest, sample.seconds) && take_number(rest, sample.unix_ms);
    for (std::uint64_t& value : sample.values) good = good && take_number(rest, value);
    // The last line may be cut off where the recorder was killed.
    if (good) recording.samples.push_back(sample);
  }
  return recording;
}

std::string mprof_header(std::string_view command_line) {
  return "CMDLINE " + one_line(command_line) + '\n';
}

std::string mprof_line(const Sample& sample) {
  return fmt::format("MEM {:.6f} {}.{:03}\n",
                     static_cast<double>(sample.of(Counter::rss)) / (1024.0 * 1024.0),
                     sample.unix_ms / 1000, sample.unix_ms % 1000);
}

}  // namespace coreheap::usage
