// Recordings as files.
#include "heapparse/usage/recording.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/unit/catch.h"

using namespace coreheap;
using namespace coreheap::usage;

namespace {

class File {
 public:
  explicit File(const std::string& text)
      : path_(std::filesystem::temp_directory_path() /
              ("coreheap-recording-" + std::to_string(::getpid()))) {
    std::ofstream(path_) << text;
  }
  ~File() { std::filesystem::remove(path_); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

Sample sample_of(double seconds, std::uint64_t rss) {
  Sample sample;
  sample.seconds = seconds;
  sample.unix_ms = 1'700'000'000'123;
  for (std::size_t i = 0; i < kCounters; ++i) sample.values[i] = rss + i;
  return sample;
}

}  // namespace

TEST_CASE("A recording is read as it was written") {
  const File file(recording_header("python3 app.py\nx") + recording_line(sample_of(0, 1000)) +
                  recording_line(sample_of(5.25, 2000)));
  const auto recording = read_recording(file.path());
  REQUIRE(recording);
  CHECK(recording->command_line == "python3 app.py x");
  REQUIRE(recording->samples.size() == 2);
  CHECK(recording->samples[1].seconds == 5.25);
  CHECK(recording->samples[1].unix_ms == 1'700'000'000'123);
  CHECK(recording->samples[1].of(Counter::rss) == 2000);
  CHECK(recording->samples[1].of(Counter::threads) == 2000 + kCounters - 1);
}

TEST_CASE("A last line that was cut off is left out") {
  const std::string line = recording_line(sample_of(1, 1));
  const File file(recording_header("p") + line + line.substr(0, line.size() / 2));
  CHECK(read_recording(file.path())->samples.size() == 1);
}

TEST_CASE("What is no recording is refused") {
  CHECK(read_recording("/nonexistent").error().code == ErrorCode::io_error);
  const File file("seconds,rss\n1,2\n");
  CHECK(read_recording(file.path()).error().code == ErrorCode::usage);
}

TEST_CASE("mprof's lines are in mebibytes and seconds") {
  CHECK(mprof_header("python3 app.py") == "CMDLINE python3 app.py\n");
  Sample sample = sample_of(1, 0);
  sample.values[0] = 3 << 19;
  CHECK(mprof_line(sample) == "MEM 1.500000 1700000000.123\n");
}
