// See process_list.h.
#include "heapparse/image/process_list.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <set>
#include <string_view>

#include "heapparse/image/os.h"
#include "heapparse/image/proc_maps.h"
#include "heapparse/image/proc_process.h"

namespace coreheap::image {
namespace {

std::vector<std::string> split_arguments(std::string_view text) {
  std::vector<std::string> arguments;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\0'), text.size());
    arguments.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  while (!arguments.empty() && arguments.back().empty()) arguments.pop_back();
  return arguments;
}

std::vector<std::string> mapped_files(const std::string& directory) {
  std::set<std::string> files;
  if (const auto maps = read_text_file(directory + "/maps")) {
    for (const Mapping& mapping : read_maps(*maps)) {
      if (mapping.kind == MappingKind::file) files.insert(mapping.name);
    }
  }
  return {files.begin(), files.end()};
}

std::optional<ListedProcess> look_at(std::uint64_t pid, const std::string& directory) {
  const auto status = read_text_file(directory + "/status", 1 << 20);
  if (!status) return std::nullopt;
  const auto rss = status_number(*status, "VmRSS:");
  if (!rss) return std::nullopt;  // a kernel thread, or a zombie
  ListedProcess process;
  process.pid = pid;
  process.parent = status_number(*status, "PPid:").value_or(0);
  process.uid = status_number(*status, "Uid:").value_or(0);
  process.rss = *rss * 1024;
  if (auto name = read_text_file(directory + "/comm", 256)) {
    process.name = name->substr(0, name->find('\n'));
  }
  if (const auto arguments = read_text_file(directory + "/cmdline", 4 << 20)) {
    process.arguments = split_arguments(*arguments);
  }
  char path[4096];
  const ssize_t n = readlink((directory + "/exe").c_str(), path, sizeof path);
  if (n > 0) process.executable.assign(path, static_cast<std::size_t>(n));
  process.files = mapped_files(directory);
  return process;
}

}  // namespace

std::vector<ListedProcess> list_processes(const std::string& root) {
  std::vector<ListedProcess> processes;
  const std::string proc = root + "/proc/";
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(proc.c_str()), closedir);
  if (!directory) return processes;
  while (const dirent* entry = readdir(directory.get())) {
    const std::string_view name(entry->d_name);
    std::uint64_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc{} || end != name.data() + name.size()) continue;
    if (auto process = look_at(pid, proc + std::string(name))) {
      processes.push_back(*std::move(process));
    }
  }
  std::sort(processes.begin(), processes.end(),
            [](const ListedProcess& a, const ListedProcess& b) { return a.pid < b.pid; });
  return processes;
}

void read_pss(ListedProcess& process, const std::string& root) {
  const auto rollup =
      read_text_file(root + "/proc/" + std::to_string(process.pid) + "/smaps_rollup", 65536);
  const auto kib = rollup ? status_number(*rollup, "Pss:") : std::nullopt;
  if (kib) process.pss = *kib * 1024;
}

}  // namespace coreheap::image
