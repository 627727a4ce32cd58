// Reads a real core again and again, damaged each time in another way, and asks of every reading:
// does it end, in bounded memory, without a crash; do homes still add up; is what lies outside the
// damage as it was?
//
//   smash_core CORE [--seeds FIRST:LAST] [--kind NAME] [--commands N] [--seconds S]
//
// A seed is one damaged core: its kind, its words and the commands that are run on it. Seeds are
// run in child processes, so that a crash is one failed seed. Exit 1: some failed, each with a line
// that says how to run it alone.
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>

#include "commands/run.h"
#include "heapparse/census/build.h"
#include "tests/corrupt/damage.h"

namespace {

using namespace coreheap;
using namespace coreheap::corrupt;

// Nothing ends a reading but itself, save after this long; what took longer than is allowed is
// wrong before.
constexpr unsigned kSecondsEach = 120;
// Of the sound core's memory and time a damaged one may take this much more, and a little.
constexpr std::uint64_t kMoreMemory = 2;
constexpr double kMoreTime = 10;
constexpr std::uint64_t kSeedsEach = 64;  // a child
using Clock = std::chrono::steady_clock;

struct Options {
  std::string core;
  std::uint64_t first = 0;
  std::uint64_t last = 100;
  std::string kind;
  std::size_t commands = 2;
  std::uint64_t seconds = 0;
};

// Beside the census: what walks other structures, and what prints.
constexpr const char* kCommands[] = {
    "verify",
    "heap",
    "types",
    "info",
    "arenas",
    "bins",
    "pymalloc",
    "gc",
    "threads",
    "rss",
    "fragmentation",
    "map",
    "sizes",
    "free",
    "tracemalloc",
    "leaks",
    "garbage",
    "orphans",
    "native",
    "dominators",
    "reach ADDR",
    "show ADDR",
    "why ADDR",
    "referrers ADDR",
    "referents ADDR",
    "value ADDR",
    "x ADDR 256",
    "retained ADDR",
    "pattern ADDR",
    "export --format csv",
    "export --references --format csv",
    "export --closure --format csv",
    "export --ranges --format json",
    "export --columns object,value --max-value 100 --format csv",
    "select from objects | group by type | order by sum(size) | limit 5",
    "select type ~ \"o\" and size > 64 | show addr, type, repr, len | limit 50"};

class Nowhere final : public commands::Sink {
 public:
  bool write(std::string_view bytes) override {
    written_ += bytes.size();
    return written_ < kEnough;
  }

 private:
  static constexpr std::uint64_t kEnough = 1ULL << 32;
  std::uint64_t written_ = 0;
};

// What the children write and the parent reads when one is gone.
struct Shared {
  std::uint64_t seed;
  std::uint64_t done;
  std::uint64_t failed;
  std::uint64_t with_findings;
  std::uint64_t refused;  // no census: the file, or all of the heap, is unreadable
  char doing[512];
};

class Copy {
 public:
  explicit Copy(const SoundCore& core)
      : core_(core),
        descriptor_(memfd_create("core", 0)),
        path_(fmt::format("/proc/self/fd/{}", descriptor_)) {
    restore(0, core.bytes.size());
  }
  ~Copy() { close(descriptor_); }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  const std::string& path() const { return path_; }
  void apply(const Damage& damage) {
    for (const Edit& e : damage.edits) put(e.offset, &e.word, e.bytes);
    if (damage.cut && ftruncate(descriptor_, static_cast<off_t>(*damage.cut)) != 0) std::abort();
  }
  void take_back(const Damage& damage) {
    if (damage.cut) restore(*damage.cut, core_.bytes.size());
    for (const Edit& e : damage.edits) restore(e.offset, e.offset + e.bytes);
  }

 private:
  void restore(std::uint64_t begin, std::uint64_t end) {
    put(begin, core_.bytes.data() + begin, end - begin);
  }
  void put(std::uint64_t offset, const void* from, std::uint64_t n) {
    const auto* bytes = static_cast<const std::byte*>(from);
    while (n > 0) {
      const ssize_t done = pwrite(descriptor_, bytes, n, static_cast<off_t>(offset));
      if (done <= 0) std::abort();
      bytes += done;
      offset += static_cast<std::uint64_t>(done);
      n -= static_cast<std::uint64_t>(done);
    }
  }
  const SoundCore& core_;
  int descriptor_;
  std::string path_;
};

bool same(const SoundRow& a, const SoundRow& b) {
  return a.address == b.address && a.size == b.size && a.kind == b.kind && a.flags == b.flags;
}

// Rows of one and not of the other census, outside what the damage may change.
std::vector<std::string> differences(const std::vector<SoundRow>& sound,
                                     const std::vector<SoundRow>& now, const Damage& damage) {
  std::vector<std::string> out;
  const auto note = [&](const char* what, const SoundRow& row) {
    const bool allowed =
        damage.inside.contains(row.extent.begin) || damage.inside.contains(row.owner);
    if (!allowed)
      out.push_back(fmt::format("{} {:#x}, {} bytes", what, row.address.value, row.size));
  };
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < sound.size() || j < now.size()) {
    if (j == now.size() || (i < sound.size() && sound[i].address < now[j].address)) {
      note("lost", sound[i++]);
    } else if (i == sound.size() || now[j].address < sound[i].address) {
      note("new", now[j++]);
    } else {
      if (!same(sound[i], now[j])) {
        // A buffer changes hands when a damaged object no longer claims it, or another one's.
        if (!damage.inside.contains(now[j].owner)) note("changed", sound[i]);
      }
      ++i;
      ++j;
    }
  }
  return out;
}

std::uint64_t status_kib(const char* name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name))
      return std::strtoull(line.c_str() + std::strlen(name) + 1, nullptr, 10);
  }
  return 0;
}
// Peak of resident memory since the last reset, in KiB.
void reset_peak() { std::ofstream("/proc/self/clear_refs") << 5; }

struct Reading {
  std::vector<std::string> wrong;
  bool has_findings = false;
  bool refused = false;
  std::uint64_t peak_kib = 0;
  double seconds = 0;
};

struct Allowance {
  std::uint64_t kib = 0;
  double seconds = 0;
};

// As `info` lists them: of every stage.
bool has_findings(Snapshot& snapshot, const census::Census& census, JobControl& job) {
  const auto any = [](const Findings& findings) {
    return std::any_of(findings.begin(), findings.end(),
                       [](const Finding& f) { return f.severity != Severity::note; });
  };
  const auto heaps = snapshot.heaps(job);
  const auto pymalloc = snapshot.pymalloc(job);
  const auto runtime = snapshot.runtime(job);
  return any(census.findings) || (pymalloc && any((*pymalloc)->findings)) ||
         (runtime && *runtime != nullptr && any((*runtime)->findings)) ||
         (heaps && std::any_of((*heaps)->begin(), (*heaps)->end(),
                               [&](const auto& heap) { return any(heap.findings); }));
}

void step(Shared& shared, const std::string& what) {
  std::snprintf(shared.doing, sizeof shared.doing, "%s", what.c_str());
}

Reading read_damaged(const SoundCore& core, const std::string& path, const Damage& damage,
                     const std::vector<std::string>& lines, Shared& shared) {
  Reading reading;
  reset_peak();
  const auto begun = std::chrono::steady_clock::now();
  const std::uint64_t before = status_kib("VmRSS:");
  {
    step(shared, "census");
    JobControl job;
    auto image = image::open_core(path, {}, job);
    if (!image) {
      reading.refused = true;
    } else {
      Snapshot snapshot(std::move(*image), {});
      const auto census = snapshot.census(job);
      if (!census) {
        reading.refused = true;
        if (census.error().code == ErrorCode::internal)
          reading.wrong.push_back(to_text(census.error()));
      } else {
        for (const Finding& f : census::check(**census, snapshot.image())) {
          reading.wrong.push_back(
              fmt::format("{} at {:#x}: {}", f.what, f.address.value, f.evidence));
        }
        reading.has_findings = has_findings(snapshot, **census, job);
        if (damage.promises) {
          const auto now = rows_of(**census);
          for (auto& line : differences(core.rows, now, damage))
            reading.wrong.push_back(std::move(line));
          if (damage.wants_finding && !reading.has_findings) {
            Damage nothing;
            if (!differences(core.rows, now, nothing).empty()) {
              reading.wrong.emplace_back("rows differ, and nothing was reported");
            }
          }
        }
      }
    }
  }
  commands::Session session;
  session.open_core(path, {});
  Nowhere sink;
  for (const std::string& line : lines) {
    step(shared, line);
    JobControl job;
    const auto outcome = commands::run_line(session, line, {}, sink, job);
    if (outcome.error.find("internal") != std::string::npos)
      reading.wrong.push_back(line + ": " + outcome.error);
  }
  reading.peak_kib = std::max(status_kib("VmHWM:"), before) - before;
  reading.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  return reading;
}

// Words of a number's own: so a seed means the same however many ran before it.
std::optional<std::pair<std::string_view, Damage>> damage_of(const SoundCore& core,
                                                             const Options& options,
                                                             Random& random) {
  const auto kinds = all_kinds();
  for (int i = 0; i < 100; ++i) {
    const Kind& kind = kinds[random() % kinds.size()];
    if (!options.kind.empty() && kind.name != options.kind) {
      --i;
      continue;
    }
    if (auto damage = kind.make(core, random)) return std::pair{kind.name, std::move(*damage)};
  }
  return std::nullopt;
}

std::vector<std::string> lines_of(const SoundCore& core, const Damage& damage,
                                  const Options& options, Random& random) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < options.commands; ++i) {
    std::string line = kCommands[random() % std::size(kCommands)];
    if (const auto at = line.find("ADDR"); at != std::string::npos) {
      const Address a = damage.owner && random() % 2 == 0
                            ? damage.owner
                            : core.rows[random() % core.rows.size()].address;
      line.replace(at, 4, fmt::format("{:#x}", a.value));
    }
    out.push_back(std::move(line));
  }
  return out;
}

void child(const SoundCore& core, const Options& options, std::uint64_t begin, std::uint64_t end,
           const Allowance& allowed, Clock::time_point deadline, Shared& shared) {
  Copy copy(core);
  for (std::uint64_t seed = begin; seed < end && Clock::now() < deadline; ++seed) {
    shared.seed = seed;
    Random random(seed * 0x9E3779B97F4A7C15ULL + 1);
    step(shared, "choosing");
    const auto chosen = damage_of(core, options, random);
    if (!chosen) continue;
    const auto& [kind, damage] = *chosen;
    const auto lines = lines_of(core, damage, options, random);
    copy.apply(damage);
    alarm(kSecondsEach);
    Reading reading = read_damaged(core, copy.path(), damage, lines, shared);
    alarm(0);
    copy.take_back(damage);
    if (reading.peak_kib > allowed.kib) {
      reading.wrong.push_back(
          fmt::format("{} KiB of memory, allowed are {}", reading.peak_kib, allowed.kib));
    }
    if (reading.seconds > allowed.seconds) {
      reading.wrong.push_back(
          fmt::format("{:.1f} s, allowed are {:.1f}", reading.seconds, allowed.seconds));
    }
    ++shared.done;
    shared.with_findings += reading.has_findings ? 1 : 0;
    shared.refused += reading.refused ? 1 : 0;
    if (reading.wrong.empty()) continue;
    ++shared.failed;
    std::printf("seed %llu %.*s:%s\n", static_cast<unsigned long long>(seed),
                static_cast<int>(kind.size()), kind.data(), damage.what.c_str());
    for (std::size_t i = 0; i < reading.wrong.size() && i < 6; ++i)
      std::printf("    %s\n", reading.wrong[i].c_str());
    if (reading.wrong.size() > 6) std::printf("    and %zu more\n", reading.wrong.size() - 6);
    for (const auto& line : lines) std::printf("    ran %s\n", line.c_str());
    std::fflush(stdout);
  }
}

// What a sound reading takes, all commands run on it. nullopt: the sound core is not read soundly.
std::optional<Allowance> allowance(const SoundCore& core, Shared& shared) {
  std::vector<std::string> lines;
  for (std::string line : kCommands) {
    if (const auto at = line.find("ADDR"); at != std::string::npos) {
      line.replace(at, 4, fmt::format("{:#x}", core.rows[core.rows.size() / 2].address.value));
    }
    lines.push_back(std::move(line));
  }
  Copy copy(core);
  Damage none;
  none.promises = true;
  const Reading reading = read_damaged(core, copy.path(), none, lines, shared);
  for (const auto& line : reading.wrong) std::printf("the sound core: %s\n", line.c_str());
  if (!reading.wrong.empty()) return std::nullopt;
  return Allowance{kMoreMemory * reading.peak_kib + (64 << 10), kMoreTime * reading.seconds + 2};
}

bool parse(int argc, char** argv, Options& options) {
  const auto number = [](const char*& at, std::uint64_t& out) {
    const char* end = at + std::strlen(at);
    const auto [rest, error] = std::from_chars(at, end, out);
    at = rest;
    return error == std::errc{};
  };
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (!word.starts_with("--")) {
      options.core = word;
      continue;
    }
    if (i + 1 == argc) return false;
    const char* value = argv[++i];
    if (word == "--kind") {
      options.kind = value;
    } else if (word == "--seeds") {
      if (!number(value, options.first) || *value != ':') return false;
      ++value;
      if (!number(value, options.last)) return false;
    } else if (word == "--commands") {
      std::uint64_t n = 0;
      if (!number(value, n)) return false;
      options.commands = n;
    } else if (word == "--seconds") {
      if (!number(value, options.seconds)) return false;
    } else {
      return false;
    }
  }
  const auto kinds = all_kinds();
  const bool known =
      options.kind.empty() || std::any_of(kinds.begin(), kinds.end(),
                                          [&](const Kind& k) { return k.name == options.kind; });
  return !options.core.empty() && known;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  if (!parse(argc, argv, options)) {
    std::fprintf(
        stderr,
        "smash_core CORE [--seeds FIRST:LAST] [--kind NAME] [--commands N] [--seconds S]\n");
    return 2;
  }
  auto core = read_sound_core(options.core);
  if (!core) {
    std::fprintf(stderr, "%s\n", to_text(core.error()).c_str());
    return 2;
  }
  // Every stage that choosing looks at is worked out before there are children.
  JobControl job;
  if (!core->snapshot->types(job)) return 2;
  auto* shared = static_cast<Shared*>(
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  if (shared == MAP_FAILED) return 2;
  const auto allowed = allowance(*core, *shared);
  if (!allowed) return 1;
  const auto deadline = options.seconds == 0 ? Clock::time_point::max()
                                             : Clock::now() + std::chrono::seconds(options.seconds);
  std::uint64_t crashed = 0;
  std::uint64_t next = options.first;
  while (next < options.last && Clock::now() < deadline) {
    const std::uint64_t end = std::min(options.last, next + kSeedsEach);
    std::fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
      child(*core, options, next, end, *allowed, deadline, *shared);
      std::fflush(stdout);
      _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      next = shared->seed + 1;
      continue;
    }
    ++crashed;
    std::printf("seed %llu CRASHED (%s %d) in: %s\n", static_cast<unsigned long long>(shared->seed),
                WIFSIGNALED(status) ? "signal" : "exit",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), shared->doing);
    next = shared->seed + 1;
  }
  std::printf(
      "%llu damaged cores read, seeds %llu to %llu: %llu wrong, %llu crashed; damage reported of "
      "%llu, %llu refused; %zu rows, allowed are %llu MiB and %.0f s each\n",
      static_cast<unsigned long long>(shared->done), static_cast<unsigned long long>(options.first),
      static_cast<unsigned long long>(next), static_cast<unsigned long long>(shared->failed),
      static_cast<unsigned long long>(crashed),
      static_cast<unsigned long long>(shared->with_findings),
      static_cast<unsigned long long>(shared->refused), core->rows.size(),
      static_cast<unsigned long long>(allowed->kib >> 10), allowed->seconds);
  return shared->failed + crashed == 0 ? 0 : 1;
}
