// Runs heap_target under a libc, reads its core and compares every figure with what that libc said.
//
//   heap_oracle --target FILE --scenario NAME [--suite ROOT] [--env NAME=VALUE]… [--seed N]
//   [--live]
//
// Compared: per arena system bytes, sub-heaps, free, fastbin and top figures down to each bin;
// mallinfo; mmapped chunks; every pointer the program holds, with its usable size; and that no
// chunk is called used which nobody holds, unless its owner is known (the C library's own). Twice:
// with symbols and without. Exit status 77 is a skip with a printed reason.
#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "heapparse/image/open.h"
#include "heapparse/malloc/malloc_heap.h"
#include "tests/glibc/compare_heap.h"
#include "tests/glibc/heap_record.h"

namespace {

using namespace coreheap;
namespace fs = std::filesystem;
using glibc::Chunk;
using glibc::MallocHeap;
using namespace glibc_oracle;

constexpr int kSkip = 77;

struct Options {
  std::string target, scenario, suite, seed = "1";
  std::vector<std::string> environment;
  bool live = false;
  bool gcore = false;  // live, and read through a core that GDB writes
};

std::string loader_of(const std::string& root) {
  for (const char* base : {"/usr/lib", "/lib"}) {
    std::error_code error;
    for (const auto& triplet : fs::directory_iterator(root + base, error)) {
      for (const auto& file : fs::directory_iterator(triplet.path(), error)) {
        const std::string name = file.path().filename();
        if (name.starts_with("ld-linux-") && fs::exists(file.path(), error)) return file.path();
      }
    }
  }
  return {};
}

struct Run {
  std::string folder;
  std::string core;
  pid_t pid = 0;
  std::string skip;
  std::string problem;
};

void write_gcore(Run& run) {
  run.core = run.folder + "/gcore";
  const std::string command = fmt::format("gdb -nx -batch -p {} -ex 'gcore {}' >{}/gdb.log 2>&1",
                                          run.pid, run.core, run.folder);
  if (std::system("command -v gdb >/dev/null") != 0) {
    run.skip = "gdb is not on this machine";
  } else if (std::system(command.c_str()) != 0 || !fs::exists(run.core)) {
    run.problem = "gdb wrote no core";
  }
}

Run run_target(const Options& options) {
  Run run;
  std::vector<std::string> words;
  if (!options.suite.empty()) {
    const std::string loader = loader_of(options.suite);
    if (loader.empty()) {
      run.skip = options.suite + " is not there (tests/interpreters/fetch brings it)";
      return run;
    }
    const std::string library = fs::path(loader).parent_path();
    words = {loader, "--library-path",
             library + ":" + options.suite + "/lib/" + fs::path(library).filename().string()};
  }
  std::string pattern = (fs::temp_directory_path() / "heap_oracle.XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) {
    run.problem = "no temporary folder";
    return run;
  }
  run.folder = pattern;
  words.insert(words.end(), {options.target, options.scenario, "record",
                             options.live ? "wait" : "abort", options.seed});

  int ready[2];
  if (pipe(ready) != 0) return run;
  std::fflush(stdout);
  run.pid = fork();
  if (run.pid == 0) {
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &unlimited);
    if (chdir(run.folder.c_str()) != 0) _exit(9);
    dup2(ready[1], 1);
    close(ready[0]);
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    unsetenv("GLIBC_TUNABLES");
    for (const std::string& setting : options.environment) {
      const auto equals = setting.find('=');
      setenv(setting.substr(0, equals).c_str(), setting.substr(equals + 1).c_str(), 1);
    }
    execv(arguments[0], arguments.data());
    _exit(9);
  }
  close(ready[1]);
  if (options.live) {
    char text[8];
    if (read(ready[0], text, sizeof text) <= 0) run.problem = "the target did not get ready";
    close(ready[0]);
    if (options.gcore && run.problem.empty()) write_gcore(run);
    return run;
  }
  close(ready[0]);
  int status = 0;
  waitpid(run.pid, &status, 0);
  for (const auto& file : fs::directory_iterator(run.folder)) {
    if (file.path().filename().string().starts_with("core")) run.core = file.path();
  }
  if (run.core.empty()) {
    std::string where;
    std::ifstream("/proc/sys/kernel/core_pattern") >> where;
    if (where.starts_with('|') || where.find('/') != std::string::npos) {
      run.skip = "core_pattern is " + where + ", no core lands in the current folder";
    } else {
      run.problem = fmt::format("no core; the target ended with status {:#x}", status);
    }
  }
  return run;
}

bool same(const MallocHeap& a, const MallocHeap& b) {
  return a.chunks.size() == b.chunks.size() && a.arenas.size() == b.arenas.size() &&
         std::equal(a.chunks.begin(), a.chunks.end(), b.chunks.begin(),
                    [](const Chunk& x, const Chunk& y) {
                      return x.address == y.address && x.size == y.size && x.state == y.state &&
                             x.arena == y.arena && x.mmapped == y.mmapped;
                    }) &&
         a.parameters.address == b.parameters.address;
}

int examine(const Options& options, const Run& run) {
  JobControl job;
  image::OpenOptions open;
  auto image = options.live && !options.gcore
                   ? image::open_process(static_cast<std::uint64_t>(run.pid), open, job)
                   : image::open_core(run.core, open, job);
  if (!image) {
    fmt::print("cannot open: {}\n", to_text(image.error()));
    return 1;
  }
  const image::Symbols symbols = image::load_symbols(*image);
  const auto start = std::chrono::steady_clock::now();
  auto heaps = glibc::find_heaps(*image, image::Symbols{}, {}, job);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  auto again = glibc::find_heaps(*image, symbols, {}, job);
  if (!heaps || !again) {
    fmt::print("find_heaps failed\n");
    return 1;
  }
  Comparison c;
  c.equal("heaps", heaps->size(), 1);
  c.equal("heaps with symbols", again->size(), heaps->size());
  if (heaps->empty()) return 1;
  const MallocHeap& heap = heaps->front();
  for (std::size_t i = 0; i < std::min(heaps->size(), again->size()); ++i) {
    c.holds("the same with symbols", same((*heaps)[i], (*again)[i]));
  }
  check_invariants(heap, c);
  std::string glibc = "?";
  if (options.scenario == "storm") {
    check_torn(heap, c);
  } else {
    const auto record = read_record(run.folder + "/record");
    if (!record) {
      fmt::print("the target wrote no whole record\n");
      return 1;
    }
    glibc = record->glibc;
    if (record->minor < 31) {
      fmt::print("skipped: glibc {} tells other totals than this test knows\n", glibc);
      return kSkip;
    }
    compare(heap, *image, *record, c);
  }
  fmt::print(
      "glibc {} {}: {} arenas, {} chunks, {} mmapped, {} tcaches: {} figures compared, {} "
      "different; "
      "{:.1f} ms, {:.1f} M chunks/s\n  {}\n",
      glibc, options.scenario, heap.arenas.size(), heap.chunks.size(), heap.mmapped_count,
      heap.tcaches.size(), c.compared(), c.differences(), took.count() * 1e3,
      static_cast<double>(heap.chunks.size()) / took.count() / 1e6, heap.layout.description);
  if (c.differences() > 0) {
    for (const Evidence& e : heap.evidence) fmt::print("  {}: {}\n", e.subject, e.how);
  }
  return c.differences() == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--live" || word == "--gcore") {
      options.live = true;
      options.gcore = word == "--gcore";
      continue;
    }
    if (i + 1 == argc) return 2;
    const std::string value = argv[++i];
    if (word == "--target")
      options.target = fs::absolute(value);
    else if (word == "--scenario")
      options.scenario = value;
    else if (word == "--suite")
      options.suite = fs::absolute(value);
    else if (word == "--seed")
      options.seed = value;
    else if (word == "--env")
      options.environment.push_back(value);
    else
      return 2;
  }
  const Run run = run_target(options);
  if (!run.skip.empty()) {
    fmt::print("skipped: {}\n", run.skip);
    return kSkip;
  }
  int status = 1;
  if (run.problem.empty()) {
    status = examine(options, run);
  } else {
    fmt::print("{}\n", run.problem);
  }
  if (options.live && run.pid > 0) {
    kill(run.pid, SIGKILL);
    waitpid(run.pid, nullptr, 0);
  }
  if (std::getenv("HEAP_ORACLE_KEEP") != nullptr) {
    fmt::print("kept {}\n", run.folder);
  } else if (!run.folder.empty()) {
    std::error_code error;
    fs::remove_all(run.folder, error);
  }
  return status;
}
