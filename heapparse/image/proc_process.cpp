// See proc_process.h.
#include "heapparse/image/proc_process.h"

#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "heapparse/image/core_notes.h"
#include "heapparse/image/os.h"

namespace coreheap::image {
namespace {

std::string subject_of(std::uint64_t pid) { return "pid " + std::to_string(pid); }

std::optional<std::uint64_t> number(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  std::uint64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc{} || result.ptr == text.data()) return std::nullopt;
  return value;
}

std::vector<std::uint64_t> numeric_entries(const std::string& directory) {
  std::vector<std::uint64_t> entries;
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(opendir(directory.c_str()), closedir);
  if (!dir) return entries;
  while (const dirent* entry = readdir(dir.get())) {
    if (entry->d_name[0] == '.') continue;
    if (const auto value = number(entry->d_name)) entries.push_back(*value);
  }
  return entries;
}

// Fields of /proc/PID/stat after the command, which may itself hold blanks and parentheses;
// fields[0] is the state, field N of proc(5) is fields[N - 3].
std::vector<std::string_view> stat_fields(std::string_view text) {
  std::vector<std::string_view> fields;
  const std::size_t close = text.rfind(')');
  if (close == text.npos) return fields;
  text.remove_prefix(std::min(close + 2, text.size()));
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    fields.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return fields;
}

std::string joined_arguments(std::string text) {
  while (!text.empty() && text.back() == '\0') text.pop_back();
  std::replace(text.begin(), text.end(), '\0', ' ');
  return text;
}

std::string link_target(const std::string& path) {
  std::string text(4096, '\0');
  const ssize_t n = readlink(path.c_str(), text.data(), text.size());
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  constexpr std::string_view kDeleted = " (deleted)";
  if (text.ends_with(kDeleted)) text.resize(text.size() - kDeleted.size());
  return text;
}

std::optional<std::uint64_t> uptime(const std::vector<std::string_view>& stat) {
  const auto now = read_text_file("/proc/uptime", 256);
  const long ticks = sysconf(_SC_CLK_TCK);
  if (!now || stat.size() <= 19 || ticks <= 0) return std::nullopt;
  const auto seconds = number(*now);
  const auto started = number(stat[19]);
  if (!seconds || !started) return std::nullopt;
  const std::uint64_t start = *started / static_cast<std::uint64_t>(ticks);
  return *seconds > start ? *seconds - start : 0;
}

// The main thread when it lives, else any other that does; 0 when none is left.
std::uint64_t living_thread(const LiveProcess& process) {
  const auto lives = [&](std::uint64_t tid) {
    const char state = state_of_thread(process, tid);
    return state != 0 && state != 'Z' && state != 'X';
  };
  if (lives(process.pid)) return process.pid;
  for (const std::uint64_t tid : threads_of(process)) {
    if (lives(tid)) return tid;
  }
  return 0;
}

Error zombie(std::uint64_t pid) {
  return {ErrorCode::zombie_process, subject_of(pid),
          "is a zombie: it has ended and has no memory any more", "its core file, if it left one"};
}

// The first bytes of the program tell 32-bit processes apart.
Result<void> check_program(const LiveProcess& process) {
  const FileDescriptor fd(open((process.memory_directory + "/exe").c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return {};  // refused later, with a better reason
  std::byte head[sizeof(Elf64_Ehdr)] = {};
  const ssize_t n = pread(fd.get(), head, sizeof head, 0);
  if (n < static_cast<ssize_t>(sizeof head)) return {};
  const auto elf = read_elf(Bytes(head), subject_of(process.pid));
  if (!elf && elf.error().code == ErrorCode::unsupported_machine) {
    Error error = elf.error();
    if (error.reason == "is of a 32-bit process") error.reason = "is a 32-bit process";
    return std::unexpected(std::move(error));
  }
  return {};
}

}  // namespace

std::optional<std::uint64_t> status_number(std::string_view status, std::string_view key) {
  for (std::size_t at = 0; at < status.size();) {
    const std::size_t end = std::min(status.find('\n', at), status.size());
    const std::string_view line = status.substr(at, end - at);
    if (line.starts_with(key)) return number(line.substr(key.size()));
    at = end + 1;
  }
  return std::nullopt;
}

Error gone(std::uint64_t pid) {
  const auto stat = read_text_file("/proc/" + std::to_string(pid) + "/stat", 65536);
  if (stat) {
    const auto fields = stat_fields(*stat);
    if (!fields.empty() && (fields[0] == "Z" || fields[0] == "X")) return zombie(pid);
  }
  return {ErrorCode::process_vanished, subject_of(pid), "ended while it was being read", {}};
}

Error refused(std::uint64_t pid, int error) {
  const std::string subject = subject_of(pid);
  if (error == ESRCH || error == ENOENT) return gone(pid);
  Error result{ErrorCode::permission_denied, subject, {}, {}};
  const auto status = read_text_file("/proc/" + std::to_string(pid) + "/status", 1 << 20);
  if (!status) return gone(pid);
  if (const auto tracer = status_number(*status, "TracerPid:"); tracer && *tracer != 0) {
    result.reason = "is already traced by pid " + std::to_string(*tracer);
    if (const auto name = read_text_file("/proc/" + std::to_string(*tracer) + "/comm", 64)) {
      result.reason += " (" + name->substr(0, name->find('\n')) + ")";
    }
    result.hint = "detaching that debugger, using coreheap inside it, or --no-stop";
    return result;
  }
  const auto owner = status_number(*status, "Uid:");
  const std::uint64_t us = geteuid();
  if (owner && us != 0 && *owner != us) {
    result.reason =
        "belongs to uid " + std::to_string(*owner) + ", and this is uid " + std::to_string(us);
    result.hint = "running as that user, as root, or with CAP_SYS_PTRACE";
    return result;
  }
  const auto scope = read_text_file("/proc/sys/kernel/yama/ptrace_scope", 16);
  const auto level = scope ? number(*scope) : std::nullopt;
  if (level && *level != 0 && us != 0) {
    result.reason = "may not be traced: kernel.yama.ptrace_scope is " + std::to_string(*level);
    result.hint = *level == 3 ? "gcore is refused as well; only a core file is left"
                              : "running as root, or: sysctl kernel.yama.ptrace_scope=0";
    return result;
  }
  result.reason =
      std::string("the kernel does not allow it to be traced (") + text_of_errno(error) + ")";
  result.hint = us == 0 ? "a container needs CAP_SYS_PTRACE: docker run --cap-add=SYS_PTRACE"
                        : "running as root; it may be set-uid or not dumpable";
  return result;
}

std::vector<std::uint64_t> threads_of(const LiveProcess& process) {
  return numeric_entries(process.directory + "/task");
}

char state_of_thread(const LiveProcess& process, std::uint64_t tid) {
  const auto stat =
      read_text_file(process.directory + "/task/" + std::to_string(tid) + "/stat", 65536);
  if (!stat) return 0;
  const auto fields = stat_fields(*stat);
  return fields.empty() || fields[0].empty() ? '\0' : fields[0][0];
}

std::string name_of_thread(const LiveProcess& process, std::uint64_t tid) {
  auto name = read_text_file(process.directory + "/task/" + std::to_string(tid) + "/comm", 256);
  if (!name) return {};
  if (name->ends_with('\n')) name->pop_back();
  return *std::move(name);
}

Result<LiveProcess> look_at_process(std::uint64_t pid) {
  LiveProcess live;
  live.pid = pid;
  live.directory = "/proc/" + std::to_string(pid);
  auto status = read_text_file(live.directory + "/status", 1 << 20);
  if (!status) {
    return fail(ErrorCode::no_such_target, subject_of(pid), "there is no such process");
  }
  // A thread's id names its process too.
  if (const auto group = status_number(*status, "Tgid:"); group && *group != pid) {
    live.pid = *group;
    live.directory = "/proc/" + std::to_string(*group);
    status = read_text_file(live.directory + "/status", 1 << 20);
    if (!status) return std::unexpected(gone(pid));
  }
  const auto stat_text = read_text_file(live.directory + "/stat", 65536);
  if (!stat_text) return std::unexpected(gone(live.pid));
  const auto stat = stat_fields(*stat_text);
  constexpr std::uint64_t kKernelThread = 0x00200000;  // PF_KTHREAD
  if (stat.size() > 6 && (number(stat[6]).value_or(0) & kKernelThread) != 0) {
    return fail(ErrorCode::usage, subject_of(live.pid),
                "is a kernel thread: it has no memory of its own");
  }
  live.memory_tid = living_thread(live);
  if (live.memory_tid == 0) return std::unexpected(gone(live.pid));
  live.memory_directory = "/proc/" + std::to_string(live.memory_tid);
  if (auto program = check_program(live); !program) return std::unexpected(program.error());

  Process& process = live.process;
  process.pid = live.pid;
  process.name = name_of_thread(live, live.pid);
  if (auto arguments = read_text_file(live.memory_directory + "/cmdline", 4 << 20)) {
    process.command_line = joined_arguments(*std::move(arguments));
  }
  process.executable = link_target(live.memory_directory + "/exe");
  if (const auto kib = status_number(*status, "VmRSS:")) process.vm_rss = *kib * 1024;
  if (access((live.memory_directory + "/fd").c_str(), R_OK) == 0) {
    process.file_descriptors = numeric_entries(live.memory_directory + "/fd").size();
  }
  process.uptime_seconds = uptime(stat);
  errno = 0;
  const auto auxv = read_text_file(live.memory_directory + "/auxv", 65536);
  if (!auxv) return std::unexpected(refused(live.pid, errno));
  live.auxv = read_auxiliary_vector(std::as_bytes(std::span(auxv->data(), auxv->size())));
  return live;
}

}  // namespace coreheap::image
