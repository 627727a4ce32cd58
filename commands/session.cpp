// Opening targets.
#include "commands/session.h"

#include <array>
#include <charconv>

#include "commands/holder_lists.h"

namespace coreheap::commands {

namespace {

class SnapshotTarget final : public Target {
 public:
  SnapshotTarget(image::Image image, SnapshotOptions options)
      : snapshot_(std::move(image), options) {}

  const image::Image& image() const override { return snapshot_.image(); }
  Result<const pymalloc::PymallocHeap*> pymalloc(JobControl& job) override {
    return snapshot_.pymalloc(job);
  }
  Result<const std::vector<glibc::MallocHeap>*> heaps(JobControl& job) override {
    return snapshot_.heaps(job);
  }
  Result<const python::Runtime*> runtime(JobControl& job) override {
    return snapshot_.runtime(job);
  }
  Result<const python::TypeTable*> types(JobControl& job) override { return snapshot_.types(job); }
  Result<const python::Tracemalloc*> tracemalloc(JobControl& job) override {
    return snapshot_.tracemalloc(job);
  }
  Result<const census::Census*> census(JobControl& job) override { return snapshot_.census(job); }
  Result<const glibc::OtherAllocator*> other_allocator(JobControl& job) override {
    return snapshot_.other_allocator(job);
  }
  Result<const python::Closure*> closure(JobControl& job) override {
    return snapshot_.closure(job);
  }
  Result<const image::Cgroup*> cgroup(JobControl& job) override {
    const image::Image& image = snapshot_.image();
    if (image.kind != image::TargetKind::live || !image.process.pid) return nullptr;
    if (!cgroup_) {
      auto read = image::read_cgroup(*image.process.pid, job);
      if (!read) return std::unexpected(std::move(read.error()));
      cgroup_ = std::move(*read);
    }
    return &*cgroup_;
  }
  Result<const graph::Graph*> graph(JobControl& job) override { return snapshot_.graph(job); }
  Result<const graph::Dominators*> dominators(JobControl& job) override {
    return snapshot_.dominators(job);
  }

 private:
  Snapshot snapshot_;
  std::optional<image::Cgroup> cgroup_;
};

Result<std::unique_ptr<Target>> target_from(Result<image::Image> image, const Settings& settings) {
  if (!image) return std::unexpected(std::move(image.error()));
  return make_target(std::move(*image), settings.snapshot);
}

constexpr std::array kTargetOptions = {
    OptionSpec{"exe", 0, "FILE",
               "the target's program file, where its own path does not lead to it",
               Completer::file},
    OptionSpec{"sysroot", 0, "DIR", "folder in front of the files that a core names",
               Completer::directory},
    OptionSpec{"spill", 0, "DIR", "folder for an unlinked copy when memory is short",
               Completer::directory},
    OptionSpec{"no-stop", 0, "", "read a live process without stopping it: the report may be torn"},
    OptionSpec{"max-pause", 0, "SECONDS", "refuse a longer stop of a live process (default 2)"},
    OptionSpec{"no-symbols", 0, "", "work as if every file were stripped"},
    OptionSpec{"no-files", 0, "", "work as if no file of the target were at hand"},
    OptionSpec{"newest-table", 0, "VERSION",
               "work as if no table of a newer CPython were known, like 3.14"},
};

}  // namespace

std::unique_ptr<Target> make_target(image::Image image, SnapshotOptions options) {
  return std::make_unique<SnapshotTarget>(std::move(image), options);
}

std::span<const OptionSpec> target_options() { return kTargetOptions; }

Result<Settings> settings_from(const Arguments& arguments) {
  Settings settings;
  if (const auto v = arguments.value("exe")) settings.open.executable = *v;
  if (const auto v = arguments.value("sysroot")) settings.open.sysroot = *v;
  if (const auto v = arguments.value("spill")) settings.open.spill_directory = *v;
  settings.open.no_stop = arguments.has("no-stop");
  settings.open.use_backing_files = !arguments.has("no-files");
  settings.snapshot.use_symbols = !arguments.has("no-symbols");
  if (const auto v = arguments.value("newest-table")) {
    layouts::Version newest;
    const auto [dot, error] = std::from_chars(v->data(), v->data() + v->size(), newest.major);
    const char* const end = v->data() + v->size();
    const bool has_minor = error == std::errc() && dot != end && *dot == '.';
    if (!has_minor || std::from_chars(dot + 1, end, newest.minor).ptr != end || dot + 1 == end) {
      return fail(ErrorCode::usage, "--newest-table", "'" + std::string(*v) + "' is no version",
                  "major and minor, like 3.14");
    }
    settings.snapshot.runtime.newest_table = newest;
  }
  if (const auto v = arguments.value("max-pause")) {
    double seconds = 0;
    const auto [end, error] = std::from_chars(v->data(), v->data() + v->size(), seconds);
    if (error != std::errc() || end != v->data() + v->size() || !(seconds > 0)) {
      return fail(ErrorCode::usage, "--max-pause", "'" + std::string(*v) + "' is no time",
                  "seconds, like 0.5");
    }
    settings.open.max_pause_seconds = seconds;
  }
  return settings;
}

void Session::open_with(std::string name, Opener opener) {
  retire();
  name_ = std::move(name);
  opener_ = std::move(opener);
}

void Session::open_core(const std::string& path, const Settings& settings) {
  open_with(path, [path, settings](JobControl& job) {
    return target_from(image::open_core(path, settings.open, job), settings);
  });
}

void Session::open_pid(std::uint64_t pid, const Settings& settings) {
  open_with("pid " + std::to_string(pid), [pid, settings](JobControl& job) {
    return target_from(image::open_process(pid, settings.open, job), settings);
  });
  live_pid_ = pid;
  open_options_ = settings.open;
}

void Session::open_held(std::uint64_t pid, std::vector<image::HeldThread> threads,
                        const Settings& settings) {
  open_with(
      "pid " + std::to_string(pid), [pid, threads = std::move(threads), settings](JobControl& job) {
        return target_from(image::open_held_process(pid, threads, settings.open, job), settings);
      });
}

void Session::hold(image::Image image, const Settings& settings) {
  retire();
  name_ = image.source;
  target_ = make_target(std::move(image), settings.snapshot);
}

void Session::retire() {
  variables.clear();
  numbered_.clear();
  target_.reset();
  opener_ = nullptr;
  live_pid_.reset();
  name_.clear();
}

Result<Address> Session::numbered_row(Context& context, std::string_view word) {
  const auto number = parse_number(word.substr(1), std::string(word));
  if (!number) return std::unexpected(number.error());
  if (numbered_.empty()) {
    auto opened = target(context.job);
    if (!opened) return std::unexpected(opened.error());
    if ((*opened)->image().kind == image::TargetKind::live) {
      return fail(
          ErrorCode::usage, std::string(word),
          "no list with numbered rows was shown in this session (leaks, dominators), and a live "
          "process may have another one by now",
          "the address that a list shows");
    }
    Report first_screen;
    if (auto done = add_holders(context, {}, first_screen); !done) {
      return std::unexpected(done.error());
    }
    numbered_ = std::move(first_screen.numbered);
  }
  if (*number == 0 || *number > numbered_.size()) {
    return fail(ErrorCode::usage, std::string(word),
                "the last list has " + std::to_string(numbered_.size()) + " numbered rows");
  }
  return numbered_[*number - 1];
}

Result<Address> Session::address_of(Context& context, std::string_view word) {
  constexpr std::size_t kMostDigits = 3;
  const bool short_number = !word.empty() && word.size() <= kMostDigits &&
                            word.find_first_not_of("0123456789") == std::string_view::npos;
  if (short_number) return numbered_row(context, "#" + std::string(word));
  return word.starts_with('#') ? numbered_row(context, word) : parse_address(word);
}

Result<Target*> Session::target(JobControl& job) {
  if (target_ == nullptr) {
    if (!opener_) {
      return fail(ErrorCode::no_such_target, "target", "none is open",
                  "coreheap PID, or coreheap CORE; in GDB: core CORE or attach PID");
    }
    auto opened = opener_(job);
    if (!opened) return std::unexpected(std::move(opened.error()));
    target_ = std::move(*opened);
  }
  return target_.get();
}

}  // namespace coreheap::commands
