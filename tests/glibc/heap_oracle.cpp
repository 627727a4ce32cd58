// Runs heap_target under a libc, reads its core and compares every figure with what that libc said.
//
//   heap_oracle --target FILE --scenario NAME [--suite ROOT] [--env NAME=VALUE]… [--seed N]
//   [--live]
//
// Compared: per arena system bytes, sub-heaps, free, fastbin and top figures down to each bin;
// mallinfo; mmapped chunks; every pointer the program holds, with its usable size; and that no
// chunk is called used which nobody holds, unless its owner is known (the C library's own). Twice:
// with symbols and without. Exit status 77 is a skip with a printed reason.
#include <dirent.h>
#include <fmt/format.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>

#include "heapparse/image/open.h"
#include "heapparse/malloc/malloc_heap.h"

namespace {

using namespace coreheap;
namespace fs = std::filesystem;
using glibc::Arena;
using glibc::Chunk;
using glibc::ChunkState;
using glibc::MallocHeap;

constexpr int kSkip = 77;

struct Options {
  std::string target, scenario, suite, seed = "1";
  std::vector<std::string> environment;
  bool live = false;
  bool gcore = false;  // live, and read through a core that GDB writes
};

// ---- what the target wrote
// ------------------------------------------------------------------------

struct SizeLine {
  std::uint64_t from = 0, to = 0, total = 0, count = 0;
};

struct HeapElement {
  std::vector<SizeLine> sizes;
  std::optional<SizeLine> unsorted;
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> totals;  // type: count, size
  std::map<std::string, std::uint64_t> system, aspace;
};

struct Record {
  std::string glibc;
  int minor = 0;
  std::uint64_t file = 0;
  bool wide = false;  // mallinfo2
  std::vector<std::uint64_t> mallinfo;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> live;
  std::vector<HeapElement> heaps;
  HeapElement whole;
};

std::string attribute(const std::string& line, const std::string& name) {
  const auto at = line.find(' ' + name + "=\"");
  if (at == std::string::npos) return {};
  const auto begin = at + name.size() + 3;
  return line.substr(begin, line.find('"', begin) - begin);
}

std::uint64_t number(const std::string& line, const std::string& name) {
  return std::strtoull(attribute(line, name).c_str(), nullptr, 10);
}

std::optional<Record> read_record(const std::string& path) {
  std::ifstream in(path);
  Record record;
  bool inside = false, complete = false;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    HeapElement& element = inside ? record.heaps.back() : record.whole;
    const SizeLine size{number(line, "from"), number(line, "to"), number(line, "total"),
                        number(line, "count")};
    if (word == "glibc") {
      words >> record.glibc;
      record.minor = std::atoi(record.glibc.substr(record.glibc.find('.') + 1).c_str());
    } else if (word == "file") {
      words >> std::hex >> record.file;
    } else if (word == "mallinfo2" || word == "mallinfo") {
      record.wide = word == "mallinfo2";
      for (long long value; words >> value;) {
        record.mallinfo.push_back(static_cast<std::uint64_t>(value));
      }
    } else if (word == "live") {
      std::uint64_t pointer = 0, usable = 0;
      words >> std::hex >> pointer >> std::dec >> usable;
      record.live.emplace_back(pointer, usable);
    } else if (word == "<heap") {
      record.heaps.emplace_back();
      inside = true;
    } else if (word == "</heap>") {
      inside = false;
    } else if (word == "<size") {
      element.sizes.push_back(size);
    } else if (word == "<unsorted") {
      element.unsorted = size;
    } else if (word == "<total") {
      element.totals[attribute(line, "type")] = {number(line, "count"), number(line, "size")};
    } else if (word == "<system") {
      element.system[attribute(line, "type")] = number(line, "size");
    } else if (word == "<aspace") {
      element.aspace[attribute(line, "type")] = number(line, "size");
    } else if (word == "</malloc>") {
      complete = true;
    }
  }
  if (!complete) return std::nullopt;
  return record;
}

// ---- comparing
// ------------------------------------------------------------------------------------

class Comparison {
 public:
  template <class A, class B>
  void equal(const std::string& what, const A& found, const B& said) {
    ++compared_;
    if (static_cast<std::uint64_t>(found) == static_cast<std::uint64_t>(said)) return;
    wrong(fmt::format("{}: found {}, libc says {}", what, found, said));
  }
  void holds(const std::string& what, bool good) {
    ++compared_;
    if (!good) wrong(what);
  }
  void wrong(const std::string& text) {
    if (++differences_ <= 20) fmt::print("DIFFERENT {}\n", text);
  }
  std::uint64_t compared() const { return compared_; }
  std::uint64_t differences() const { return differences_; }

 private:
  std::uint64_t compared_ = 0;
  std::uint64_t differences_ = 0;
};

struct Expected {
  std::uint64_t first = 0,
                later = 0;  // offsets of the first chunk in an arena's first and later heaps
};

Expected headers_of(int minor) {
  if (minor >= 43) return {0x870, 0x30};
  if (minor >= 35) return {0x8d0, 0x30};
  if (minor >= 27) return {0x8c0, 0x20};
  return {0x8b0, 0x20};
}

void compare_arena(const std::string& name, const Arena& arena, const HeapElement& said, int minor,
                   Comparison& c) {
  c.equal(name + " system", arena.system_bytes, said.system.at("current"));
  c.equal(name + " system max", arena.max_system_bytes, said.system.at("max"));
  c.equal(name + " aspace mprotect", arena.mprotect_bytes, said.aspace.at("mprotect"));
  if (minor >= 27 && said.aspace.contains("subheaps")) {
    c.equal(name + " sub-heaps", arena.segments, said.aspace.at("subheaps"));
  }
  const auto rest = said.totals.at("rest");
  c.equal(name + " rest count", arena.bin_count + 1, rest.first);
  c.equal(name + " rest size", arena.bin_bytes + arena.bin_count + arena.top_bytes, rest.second);
  if (said.totals.contains("fast")) {
    c.equal(name + " fast count", arena.fastbin_count, said.totals.at("fast").first);
    c.equal(name + " fast size", arena.fastbin_bytes, said.totals.at("fast").second);
  }

  // Bin by bin. Sizes of bins carry the PREV_INUSE bit, those of fastbins do not.
  std::vector<SizeLine> bins, fast;
  for (const SizeLine& line : said.sizes) (line.to % 16 == 0 ? fast : bins).push_back(line);
  std::size_t next = 0;
  for (const auto& bin : arena.bins) {
    const auto label = fmt::format("{} bin {}", name, bin.bin);
    SizeLine line;
    if (bin.bin == 1) {
      c.holds(label + " said to be there", said.unsorted.has_value());
      line = said.unsorted.value_or(SizeLine{});
    } else {
      c.holds(label + " said to be there", next < bins.size());
      if (next < bins.size()) line = bins[next++];
    }
    c.equal(label + " count", bin.count, line.count);
    c.equal(label + " bytes", bin.bytes + bin.count, line.total);
    c.equal(label + " from", bin.min_size + 1, line.from);
    c.equal(label + " to", bin.max_size + 1, line.to);
  }
  c.equal(name + " non-empty bins", next, bins.size());
  std::uint64_t fast_kinds = 0;
  for (std::size_t k = 0; k < arena.fastbin_counts.size(); ++k) {
    if (arena.fastbin_counts[k] == 0) continue;
    ++fast_kinds;
    const auto it = std::find_if(fast.begin(), fast.end(),
                                 [&](const SizeLine& l) { return l.to == 32 + 16 * k; });
    c.equal(fmt::format("{} fastbin {}", name, k), arena.fastbin_counts[k],
            it == fast.end() ? 0 : it->count);
  }
  c.equal(name + " non-empty fastbins", fast_kinds, fast.size());
}

void compare_totals(const MallocHeap& heap, const Record& said, Comparison& c) {
  std::uint64_t system = 0, bins = 0, bin_bytes = 0, fast = 0, fast_bytes = 0, tops = 0;
  for (const Arena& a : heap.arenas) {
    system += a.system_bytes;
    bins += a.bin_count;
    bin_bytes += a.bin_bytes;
    fast += a.fastbin_count;
    fast_bytes += a.fastbin_bytes;
    tops += a.top_bytes;
  }
  const std::uint64_t free = bin_bytes + fast_bytes + tops;
  const std::vector<std::pair<const char*, std::uint64_t>> fields{
      {"arena", system},
      {"ordblks", bins + heap.arenas.size()},
      {"smblks", fast},
      {"hblks", heap.mmapped_count},
      {"hblkhd", heap.parameters.mmapped_bytes},
      {"usmblks", 0},
      {"fsmblks", fast_bytes},
      {"uordblks", system - free},
      {"fordblks", free},
      {"keepcost", heap.arenas.front().top_bytes}};
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::string name = std::string("mallinfo ") + fields[i].first;
    if (said.wide) {
      c.equal(name, fields[i].second, said.mallinfo[i]);
    } else {
      c.equal(name, static_cast<std::int32_t>(fields[i].second),
              static_cast<std::int32_t>(said.mallinfo[i]));
    }
  }
  c.equal("mmap total count", heap.mmapped_count, said.whole.totals.at("mmap").first);
  c.equal("mmap total size", heap.parameters.mmapped_bytes, said.whole.totals.at("mmap").second);
  // 2.43 and later add 16 bytes with each realloc that remaps, and never take them back.
  const std::uint64_t drift = heap.parameters.mmapped_bytes - heap.mmapped_bytes;
  c.holds(fmt::format("sum of mappings {}, counted {}", heap.mmapped_bytes,
                      heap.parameters.mmapped_bytes),
          said.minor >= 43 ? drift % 16 == 0 && drift < 1 << 20 : drift == 0);
  c.equal("system of all", system, said.whole.system.at("current"));
}

// Segments are tiled, sums agree. These hold for any heap, quiescent or not.
void check_invariants(const MallocHeap& heap, Comparison& c) {
  std::vector<AddressRange> tiles;
  std::uint64_t previous = 0;
  for (const Chunk& chunk : heap.chunks) {
    c.holds(fmt::format("chunk {:#x} in order", chunk.address.value),
            chunk.address.value >= previous);
    previous = chunk.address.value + chunk.size;
    if (!chunk.mmapped) tiles.push_back({chunk.address, chunk.address + chunk.size});
  }
  for (const auto& o : heap.overhead) {
    if (o.what != glibc::Overhead::What::mmap_header &&
        o.what != glibc::Overhead::What::unused_tail && o.what != glibc::Overhead::What::reserved) {
      tiles.push_back(o.range);
    }
  }
  std::sort(tiles.begin(), tiles.end());
  std::size_t at = 0;
  std::vector<std::uint64_t> sums(heap.arenas.size(), 0);
  for (const auto& segment : heap.segments) {
    Address a = segment.range.begin;
    while (at < tiles.size() && tiles[at].begin == a && a < segment.range.end) a = tiles[at++].end;
    c.holds(fmt::format("segment {:#x} is tiled up to {:#x} of {:#x}", segment.range.begin.value,
                        a.value, segment.range.end.value),
            a == segment.range.end);
    sums[segment.arena] += segment.range.size();
  }
  c.equal("tiles in segments", at, tiles.size());
  for (std::size_t i = 0; i < heap.arenas.size(); ++i) {
    c.equal(fmt::format("arena {} segments' sum", i), sums[i], heap.arenas[i].system_bytes);
  }
}

void compare_live(const MallocHeap& heap, const image::Image& image, const Record& said,
                  Comparison& c) {
  std::unordered_map<std::uint64_t, const Chunk*> used;
  for (const Chunk& chunk : heap.chunks) {
    if (chunk.state == ChunkState::used) used.emplace(chunk.user().value, &chunk);
  }
  for (const auto& [pointer, usable] : said.live) {
    const auto it = used.find(pointer);
    if (it == used.end()) {
      c.wrong(fmt::format("live {:#x} is not a used chunk", pointer));
      continue;
    }
    c.equal(fmt::format("usable size of {:#x}", pointer), heap.usable_size(*it->second), usable);
    used.erase(it);
  }

  // What is left belongs to the C library itself, each with a reason.
  std::map<std::string, int> causes;
  const auto explain = [&](std::uint64_t pointer, const char* cause) {
    if (used.erase(pointer) > 0) ++causes[cause];
  };
  explain(said.file, "FILE");
  for (const auto& tcache : heap.tcaches) explain(tcache.address.value, "tcache");
  // The FILE is the first thing that main allocates: what lies below it in the main arena is what
  // the C library needed before main (a static program sets up its search paths and name spaces).
  for (const Chunk& chunk : heap.chunks) {
    if (chunk.arena == 0 && !chunk.mmapped && chunk.user().value < said.file) {
      explain(chunk.user().value, "before main");
    }
  }
  // Thread-specific data, which is what libdl keeps for dlerror: named in the control block itself.
  for (const image::Thread& thread : image.threads) {
    for (std::uint64_t at = 0; thread.thread_pointer && at < 0x900; at += 8) {
      const auto word = image.space.read<std::uint64_t>(Address{*thread.thread_pointer} + at);
      if (word) explain(*word, "thread-specific");
    }
  }
  // A thread control block points to itself twice and to its dtv between. Those of threads that
  // ended stay behind in cached stacks, and in a fork's child.
  for (const image::Piece& piece : image.space.pieces()) {
    if (piece.source == image::ByteSource::backing_file) continue;
    for (std::uint64_t at = 0; at + 24 <= piece.range.size(); at += 16) {
      std::uint64_t words[3];
      std::memcpy(words, piece.data + at, sizeof words);
      const std::uint64_t self = piece.range.begin.value + at;
      if (words[0] == self && words[2] == self) explain(words[1] - 16, "dtv");
    }
  }
  for (const auto& [pointer, chunk] : used) {
    c.wrong(fmt::format("{:#x} of {} bytes is called used, nobody holds it", pointer, chunk->size));
  }
  std::string text;
  for (const auto& [cause, count] : causes) text += fmt::format(" {} {}", count, cause);
  fmt::print("  the library's own chunks:{}\n", text);
}

void compare(const MallocHeap& heap, const image::Image& image, const Record& said, Comparison& c) {
  c.equal("arenas", heap.arenas.size(), said.heaps.size());
  const Expected headers = headers_of(said.minor);
  for (std::size_t i = 0; i < std::min(heap.arenas.size(), said.heaps.size()); ++i) {
    const Arena& arena = heap.arenas[i];
    compare_arena(fmt::format("arena {}", i), arena, said.heaps[i], said.minor, c);
    c.equal(fmt::format("arena {} parts", i),
            arena.used_bytes + arena.bin_bytes + arena.fastbin_bytes + arena.tcache_bytes +
                arena.top_bytes + arena.overhead_bytes,
            arena.system_bytes);
    if (i == 0) continue;
    std::uint64_t header_bytes = 0;
    for (const auto& o : heap.overhead) {
      if (o.arena == i && o.what == glibc::Overhead::What::heap_info)
        header_bytes += o.range.size();
    }
    c.equal(fmt::format("arena {} heap headers", i), header_bytes,
            headers.first + (arena.segments - 1) * headers.later);
  }
  compare_totals(heap, said, c);
  compare_live(heap, image, said, c);
  for (const Finding& f : heap.findings) {
    c.wrong(fmt::format("finding {:#x} {}: {}", f.address.value, f.what, f.evidence));
  }
}

// A stop at a random moment: what a thread was linking or cutting is half done, and then its arena
// is locked. An arena that nobody had locked is whole. A tcache has no lock, being a thread's own:
// each may have one list whose count is a step ahead or behind.
void check_torn(const MallocHeap& heap, Comparison& c) {
  std::set<Address> torn;
  for (const Finding& f : heap.findings) {
    const Arena* arena = nullptr;
    for (const auto& segment : heap.segments) {
      if (segment.range.contains(f.address)) arena = &heap.arenas[segment.arena];
    }
    c.holds(
        fmt::format("finding {:#x} {}: {}: not in a locked arena", f.address.value, f.what,
                    f.evidence),
        (arena != nullptr && arena->locked) ||
            (f.what == "tcache whose counts and lists disagree" &&
             f.evidence.find(", 1 lists") != std::string::npos && torn.insert(f.address).second));
    fmt::print("  (moment of the crash) {:#x} {}: {}\n", f.address.value, f.what, f.evidence);
  }
}

// ---- running
// --------------------------------------------------------------------------------------

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
