// Files of control groups, both versions, through one table of names.
#include "heapparse/image/cgroup.h"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "heapparse/image/os.h"
#include "heapparse/image/proc_process.h"

namespace coreheap::image {
namespace {

// Reading all processes of a large group takes a page-table walk each.
constexpr auto kMostTime = std::chrono::seconds(1);
constexpr std::size_t kDeepest = 32;
constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62;  // v1 writes a huge number

struct Names {
  int version;
  std::string_view mount;
  std::string_view limit, current, peak, swap_and_memory;
  // Keys of memory.stat.
  std::string_view anonymous, file_and_shmem, shmem, reclaimable;
  std::string_view events, oom_kills;  // a file, and its key
};
constexpr Names kNames[] = {
    {2, "/sys/fs/cgroup", "memory.max", "memory.current", "memory.peak", "", "anon", "file",
     "shmem", "inactive_file", "memory.events", "oom_kill"},
    {2, "/sys/fs/cgroup/unified", "memory.max", "memory.current", "memory.peak", "", "anon", "file",
     "shmem", "inactive_file", "memory.events", "oom_kill"},
    {1, "/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
     "memory.max_usage_in_bytes", "memory.memsw.usage_in_bytes", "total_rss", "total_cache",
     "total_shmem", "total_inactive_file", "memory.oom_control", "oom_kill"},
};

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end == text.data()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> number_in_file(const std::string& path) {
  const auto text = read_text_file(path, 4096);
  return text ? number_in(*text) : std::nullopt;
}

// "key number" and "key: number kB" lines.
std::map<std::string, std::uint64_t> fields_of(std::string_view text) {
  std::map<std::string, std::uint64_t> fields;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t blank = line.find_first_of(" :");
    if (blank == line.npos) continue;
    const std::string_view key = line.substr(0, blank);
    line.remove_prefix(std::min(line.find_first_not_of(" :", blank), line.size()));
    if (const auto value = number_in(line)) {
      fields[std::string(key)] = *value * (line.ends_with("kB") ? 1024 : 1);
    }
  }
  return fields;
}

std::vector<std::uint64_t> process_ids(const std::string& directory) {
  std::vector<std::uint64_t> ids;
  const auto text = read_text_file(directory + "/cgroup.procs");
  if (!text) return ids;
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    if (const auto id = number_in(std::string_view(*text).substr(at, end - at))) ids.push_back(*id);
    at = end + 1;
  }
  return ids;
}

// Of the group and all below it.
void add_process_ids(const std::string& directory, std::size_t depth,
                     std::vector<std::uint64_t>& ids) {
  const std::vector<std::uint64_t> own = process_ids(directory);
  ids.insert(ids.end(), own.begin(), own.end());
  if (depth == kDeepest) return;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(directory.c_str()), closedir);
  if (!dir) return;
  while (const dirent* entry = readdir(dir.get())) {
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
    add_process_ids(directory + "/" + entry->d_name, depth + 1, ids);
  }
}

// Paths of the memory controller in /proc/PID/cgroup, by version.
struct Paths {
  std::optional<std::string> v1;
  std::optional<std::string> v2;
};
Paths paths_in(std::string_view text) {
  Paths paths;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t first = line.find(':');
    const std::size_t second = first == line.npos ? line.npos : line.find(':', first + 1);
    if (second == line.npos) continue;
    const std::string controllers =
        "," + std::string(line.substr(first + 1, second - first - 1)) + ",";
    std::string path(line.substr(second + 1));
    if (path == "/") path.clear();
    if (controllers == ",,") paths.v2 = std::move(path);
    if (controllers.find(",memory,") != controllers.npos) paths.v1 = std::move(path);
  }
  return paths;
}

struct Place {
  const Names* names = nullptr;
  std::string mount;  // where "/" of `path` is
  std::string path;
  std::string directory() const { return mount + path; }
};

// The directory that has the group's files, and proves it by listing the process where it can.
std::optional<Place> find_place(const std::string& root, std::uint64_t pid, const Paths& paths) {
  const std::string inside = root + "/proc/" + std::to_string(pid) + "/root";
  std::optional<Place> unproven;
  for (const std::string& top : {root, inside}) {
    for (const Names& names : kNames) {
      const auto& path = names.version == 2 ? paths.v2 : paths.v1;
      if (!path) continue;
      // Inside a namespace of its own a group is the root.
      for (const std::string& candidate : {*path, std::string()}) {
        Place place{&names, top + std::string(names.mount), candidate};
        if (!number_in_file(place.directory() + "/" + std::string(names.current))) continue;
        const std::vector<std::uint64_t> ids = process_ids(place.directory());
        if (std::find(ids.begin(), ids.end(), pid) != ids.end()) return place;
        // Process ids of another namespace prove nothing either way.
        if (!unproven && top == inside) unproven = place;
      }
    }
  }
  return unproven;
}

void read_figures(const Place& place, Cgroup& group) {
  const Names& names = *place.names;
  const std::string directory = place.directory() + "/";
  group.version = names.version;
  group.path = place.path.empty() ? "/" : place.path;
  group.directory = place.directory();
  group.current = number_in_file(directory + std::string(names.current)).value_or(0);
  group.peak = number_in_file(directory + std::string(names.peak));
  const auto stat = fields_of(read_text_file(directory + "memory.stat").value_or(""));
  const auto value = [&](std::string_view key) {
    const auto at = stat.find(std::string(key));
    return at == stat.end() ? std::uint64_t{0} : at->second;
  };
  group.anonymous = value(names.anonymous);
  group.shmem = value(names.shmem);
  const std::uint64_t file = value(names.file_and_shmem);
  group.file = file - std::min(file, group.shmem);
  group.reclaimable = value(names.reclaimable);
  if (names.version == 2) {
    group.slab = value("slab");
    group.kernel_stacks = value("kernel_stack");
    group.page_tables = value("pagetables") + value("sec_pagetables");
    group.sockets = value("sock");
    const std::uint64_t kernel = value("kernel");
    const std::uint64_t named = group.slab + group.kernel_stacks + group.page_tables;
    group.kernel_other = kernel > named ? kernel - named : 0;
    group.swap = number_in_file(directory + "memory.swap.current");
  } else {
    group.sockets = number_in_file(directory + "memory.kmem.tcp.usage_in_bytes").value_or(0);
    group.kernel_other = number_in_file(directory + "memory.kmem.usage_in_bytes").value_or(0);
    const auto both = number_in_file(directory + std::string(names.swap_and_memory));
    if (both) group.swap = *both > group.current ? *both - group.current : 0;
  }
  const auto events = fields_of(read_text_file(directory + std::string(names.events)).value_or(""));
  if (const auto at = events.find(std::string(names.oom_kills)); at != events.end()) {
    group.oom_kills = at->second;
  }
}

std::optional<CgroupProcess> read_member(const std::string& root, std::uint64_t pid) {
  const std::string directory = root + "/proc/" + std::to_string(pid);
  const auto text = read_text_file(directory + "/smaps_rollup", 1 << 16);
  if (!text) return std::nullopt;
  const auto fields = fields_of(*text);
  const auto value = [&](const char* key) {
    const auto at = fields.find(key);
    return at == fields.end() ? std::uint64_t{0} : at->second;
  };
  CgroupProcess process;
  process.pid = pid;
  process.pss = value("Pss");
  process.pss_anon = value("Pss_Anon");
  process.pss_shmem = value("Pss_Shmem");
  if (!fields.contains("Pss_Anon")) process.pss_anon = value("Anonymous");  // before Linux 5.4
  process.name = read_text_file(directory + "/comm", 64).value_or("");
  while (process.name.ends_with('\n')) process.name.pop_back();
  return process;
}

void read_members(const Place& place, std::uint64_t pid, const std::string& root, JobControl& job,
                  Cgroup& group) {
  std::vector<std::uint64_t> ids;
  add_process_ids(place.directory(), 0, ids);
  std::erase(ids, pid);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  ids.insert(ids.begin(), pid);
  const auto began = std::chrono::steady_clock::now();
  for (const std::uint64_t id : ids) {
    const bool late = std::chrono::steady_clock::now() - began > kMostTime || job.cancelled();
    // An id of 0 stands for a process of another namespace.
    auto process = late || id == 0 ? std::nullopt : read_member(root, id);
    if (process) {
      group.processes.push_back(*std::move(process));
    } else if (id == pid) {
      group.processes.push_back({pid, {}, 0, 0, 0});
      ++group.unread_processes;
    } else {
      ++group.unread_processes;
    }
  }
  if (group.unread_processes != 0) {
    group.findings.push_back({{},
                              "processes of the control group unread",
                              std::to_string(group.unread_processes) + " of " +
                                  std::to_string(ids.size()) +
                                  ": gone, another user's, or out of time",
                              Severity::note});
  }
}

}  // namespace

std::uint64_t Cgroup::self_anonymous() const { return self() == nullptr ? 0 : self()->pss_anon; }

std::uint64_t Cgroup::others_anonymous() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 1; i < processes.size(); ++i) sum += processes[i].pss_anon;
  return sum;
}

std::int64_t Cgroup::rest() const {
  const std::uint64_t parts = self_anonymous() + others_anonymous() + shmem + file + kernel();
  return static_cast<std::int64_t>(current) - static_cast<std::int64_t>(parts);
}

Result<Cgroup> read_cgroup(std::uint64_t pid, JobControl& job, const std::string& root) {
  const std::string subject = "pid " + std::to_string(pid);
  const auto text = read_text_file(root + "/proc/" + std::to_string(pid) + "/cgroup", 1 << 16);
  if (!text) return std::unexpected(gone(pid));
  auto place = find_place(root, pid, paths_in(*text));
  if (!place) {
    return fail(ErrorCode::no_such_target, subject,
                "no memory control group with a counter holds it (the root group has none)");
  }
  // The innermost level with a limit.
  Place level = *place;
  std::optional<std::uint64_t> limit;
  for (;;) {
    limit = number_in_file(level.directory() + "/" + std::string(level.names->limit));
    if (limit && *limit < kNoLimit) break;
    limit.reset();
    if (level.path.empty()) break;
    const std::size_t slash = level.path.rfind('/');
    level.path.resize(slash == std::string::npos ? 0 : slash);
    if (!number_in_file(level.directory() + "/" + std::string(level.names->current))) break;
  }
  if (!limit) level = *place;
  Cgroup group;
  group.limit = limit;
  read_figures(level, group);
  read_members(level, pid, root, job, group);
  return group;
}

}  // namespace coreheap::image
