// See access_checks.h. Seizing a thread does not stop it, and the end of the thread that seized
// lets it go: that is how tracing is tried without a pause.
#include "heapparse/image/access_checks.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>
#include <thread>

#include "heapparse/image/live_copy.h"
#include "heapparse/image/memory_room.h"
#include "heapparse/image/os.h"
#include "heapparse/image/proc_process.h"

namespace coreheap::image {
namespace {

using State = AccessCheck::State;

constexpr unsigned kCapSysPtrace = 19;
constexpr const char* kContainerCure =
    "docker run --cap-add=SYS_PTRACE; Kubernetes: securityContext.capabilities.add: [SYS_PTRACE]";

std::string text_of_seconds(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", seconds);
  return text;
}

// The hexadecimal number after `key` in a status file.
std::uint64_t hex_field(std::string_view status, std::string_view key) {
  for (std::size_t at = 0; at < status.size();) {
    const std::size_t end = std::min(status.find('\n', at), status.size());
    std::string_view line = status.substr(at, end - at);
    at = end + 1;
    if (!line.starts_with(key)) continue;
    line.remove_prefix(std::min(line.find_first_not_of(": \t", key.size()), line.size()));
    std::uint64_t value = 0;
    std::from_chars(line.data(), line.data() + line.size(), value, 16);
    return value;
  }
  return 0;
}

std::string link_of(const std::string& path) {
  char text[256];
  const ssize_t n = readlink(path.c_str(), text, sizeof text);
  return n > 0 ? std::string(text, static_cast<std::size_t>(n)) : std::string();
}

class Checks {
 public:
  Checks(std::uint64_t pid, const OpenOptions& options)
      : pid_(pid), options_(options), directory_("/proc/" + std::to_string(pid)) {}

  std::vector<AccessCheck> run() {
    const auto live = look_at_process(pid_);
    const auto status = read_text_file(directory_ + "/status", 1 << 20);
    if (!status) {
      add("process", State::refused, "there is no process " + std::to_string(pid_), "coreheap ps");
      return std::move(checks_);
    }
    if (!live && live.error().code != ErrorCode::permission_denied) {
      add("process", State::refused, live.error().reason, live.error().hint);
      return std::move(checks_);
    }
    add("process", State::ok,
        live ? live->process.name + ", " + std::to_string(threads_of(*live).size()) + " threads"
             : "is there");
    own_status_ = read_text_file("/proc/self/status", 1 << 20).value_or("");
    privileged_ = (hex_field(own_status_, "CapEff") >> kCapSysPtrace & 1) != 0;
    check_user(*status);
    check_dumpable(*status);
    check_yama();
    check_seccomp();
    check_tracer(*status);
    check_namespaces();
    check_doors();
    check_tracing();
    if (live) {
      check_reading(*live);
      check_copy(*live);
    }
    return std::move(checks_);
  }

 private:
  void add(std::string name, State state, std::string detail, std::string cure = {}) {
    if (state == State::ok) cure.clear();
    checks_.push_back({std::move(name), state, std::move(detail), std::move(cure)});
  }

  void check_user(const std::string& status) {
    const auto owner = status_number(status, "Uid:").value_or(0);
    const std::uint64_t us = geteuid();
    const std::string who =
        "it is uid " + std::to_string(owner) + ", this is uid " + std::to_string(us);
    const bool same = owner == us;
    add("user", same || privileged_ ? State::ok : State::refused,
        who + (same          ? ""
               : privileged_ ? " with CAP_SYS_PTRACE"
                             : " without CAP_SYS_PTRACE"),
        us == 0 ? kContainerCure : "run as that user, or: sudo coreheap " + std::to_string(pid_));
    add("capability", State::ok,
        privileged_ ? "CAP_SYS_PTRACE is ours" : "no CAP_SYS_PTRACE: the rules below apply");
  }

  // The files of a process that must not be dumped belong to root.
  void check_dumpable(const std::string& status) {
    struct stat file {};
    if (stat(directory_.c_str(), &file) != 0) return;
    const auto owner = status_number(status, "Uid:").value_or(0);
    const bool hidden = file.st_uid != owner;
    if (!hidden) return add("dumpable", State::ok, "the process may be dumped");
    add("dumpable", privileged_ ? State::ok : State::refused,
        "it is marked not dumpable (set-uid, file capabilities, or prctl)",
        "sudo coreheap " + std::to_string(pid_));
  }

  void check_yama() {
    const auto text = read_text_file("/proc/sys/kernel/yama/ptrace_scope", 16);
    if (!text || text->empty()) return add("yama", State::ok, "this kernel has no yama");
    const char scope = text->front();
    const std::string detail = std::string("kernel.yama.ptrace_scope is ") + scope;
    if (scope == '3') {
      return add("yama", State::refused, detail + ": nobody may trace until the next boot",
                 "a core file: coreheap CORE");
    }
    if (scope == '0' || privileged_) return add("yama", State::ok, detail);
    add("yama", State::refused, detail + ": only parents may trace",
        "sudo sysctl kernel.yama.ptrace_scope=0");
  }

  // Filters of our own process can refuse the calls; whether they do is tried on ourselves.
  void check_seccomp() {
    const auto mode = status_number(own_status_, "Seccomp:").value_or(0);
    std::uint64_t from = 0x636f7265;
    std::uint64_t to = 0;
    const iovec local{&to, sizeof to};
    const iovec remote{&from, sizeof from};
    if (process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == static_cast<ssize_t>(sizeof to)) {
      return add("seccomp", State::ok, mode == 0 ? "no filter" : "the filter allows reading");
    }
    add("seccomp", State::refused,
        std::string("process_vm_readv is refused even for ourselves: ") + text_of_errno(errno),
        "docker run --cap-add=SYS_PTRACE, or --security-opt seccomp=unconfined");
  }

  void check_tracer(const std::string& status) {
    const auto tracer = status_number(status, "TracerPid:").value_or(0);
    if (tracer == 0) return add("tracer", State::ok, "nobody traces it");
    auto name = read_text_file("/proc/" + std::to_string(tracer) + "/comm", 64).value_or("");
    name = name.substr(0, name.find('\n'));
    add("tracer", State::refused, "pid " + std::to_string(tracer) + " (" + name + ") traces it",
        "detach it, use coreheap inside it, or: coreheap --no-stop " + std::to_string(pid_));
  }

  void check_namespaces() {
    std::string others;
    for (const char* kind : {"mnt", "pid", "user"}) {
      const std::string theirs = link_of(directory_ + "/ns/" + kind);
      const std::string ours = link_of(std::string("/proc/self/ns/") + kind);
      if (theirs.empty() || theirs == ours) continue;
      if (!others.empty()) others += ", ";
      others += kind;
    }
    if (others.empty()) return add("namespaces", State::ok, "the same as ours");
    const bool files = access((directory_ + "/root").c_str(), R_OK | X_OK) == 0;
    add("namespaces", files ? State::ok : State::note,
        "others than ours: " + others +
            (files ? "; its files are read through /proc/PID/root"
                   : "; its files are out of reach"),
        "--sysroot DIR with a copy of its files, for names and clean pages");
  }

  void check_doors() {
    std::string closed;
    for (const char* file : {"maps", "auxv", "mem", "pagemap", "smaps"}) {
      const FileDescriptor fd(open((directory_ + "/" + file).c_str(), O_RDONLY | O_CLOEXEC));
      if (fd) continue;
      if (!closed.empty()) closed += ", ";
      closed += file;
    }
    if (closed.empty()) return add("proc", State::ok, "maps, mem, pagemap, smaps can be opened");
    add("proc", State::refused, "cannot be opened in " + directory_ + ": " + closed,
        geteuid() == 0 ? kContainerCure : "sudo coreheap " + std::to_string(pid_));
  }

  void check_tracing() {
    int error = 0;
    const SignalsBlocked blocked;
    std::thread([&] {
      if (ptrace(PTRACE_SEIZE, static_cast<pid_t>(pid_), nullptr, nullptr) != 0) error = errno;
    }).join();
    if (error == 0) return add("trace", State::ok, "PTRACE_SEIZE is allowed");
    const Error why = refused(pid_, error);
    add("trace", State::refused, why.reason, why.hint);
  }

  void check_reading(const LiveProcess& live) {
    std::uint64_t at = 0;
    for (const auto& [key, value] : live.auxv) {
      if (key == AT_PHDR) at = value;
    }
    if (at == 0) return;
    std::uint64_t word = 0;
    const iovec local{&word, sizeof word};
    const iovec remote{reinterpret_cast<void*>(at), sizeof word};
    if (process_vm_readv(static_cast<pid_t>(live.memory_tid), &local, 1, &remote, 1, 0) > 0) {
      return add("read", State::ok, "its memory can be read");
    }
    const Error why = refused(pid_, errno);
    add("read", State::refused, why.reason, why.hint);
  }

  void check_copy(const LiveProcess& live) {
    const auto plan = make_plan(live, {});
    if (!plan) return;
    const std::uint64_t needed = room_for(*plan);
    const Room room = memory_room();
    const std::string figures =
        text_of_bytes(needed) + " needed, " + text_of_bytes(room.bytes) + " left by " + room.limit;
    if (options_.spill_directory.empty() || needed <= room.bytes) {
      add("room", needed <= room.bytes ? State::ok : State::refused, figures,
          "coreheap --spill DIRECTORY " + std::to_string(pid_));
    }
    if (!options_.spill_directory.empty()) {
      struct statvfs disk {};
      const std::uint64_t left = statvfs(options_.spill_directory.c_str(), &disk) == 0
                                     ? std::uint64_t{disk.f_bavail} * disk.f_frsize
                                     : 0;
      add("spill", needed <= left ? State::ok : State::refused,
          text_of_bytes(needed) + " needed, " + text_of_bytes(left) + " free in " +
              options_.spill_directory,
          "--spill with a directory on a larger disk");
    }
    const double pause = predicted_pause(*plan, threads_of(live).size());
    char allowed[64];
    std::snprintf(allowed, sizeof allowed, "coreheap --max-pause %.1f %llu", pause * 1.5 + 0.1,
                  static_cast<unsigned long long>(pid_));
    add("pause", pause <= options_.max_pause_seconds ? State::ok : State::refused,
        "about " + text_of_seconds(pause) + ", allowed " +
            text_of_seconds(options_.max_pause_seconds),
        allowed);
  }

  std::uint64_t pid_;
  const OpenOptions& options_;
  std::string directory_;
  std::string own_status_;
  bool privileged_ = false;
  std::vector<AccessCheck> checks_;
};

}  // namespace

std::string_view name_of(AccessCheck::State state) {
  switch (state) {
    case State::ok:
      return "ok";
    case State::note:
      return "note";
    case State::refused:
      return "refused";
  }
  return "";
}

std::vector<AccessCheck> check_access(std::uint64_t pid, const OpenOptions& options) {
  return Checks(pid, options).run();
}

}  // namespace coreheap::image
