// See process_stop.h.
#include "heapparse/image/process_stop.h"

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <thread>
#include <unordered_set>

#include "heapparse/image/os.h"

namespace coreheap::image {
namespace {

using namespace std::chrono_literals;

// How long a thread may be asleep in the kernel (state D) before it is left alone: a parent within
// vfork waits like this until its child has called exec.
constexpr auto kPatience = 200ms;

#if defined(__x86_64__)
constexpr std::size_t kRegisters = 27;
constexpr std::size_t kPc = 16;
constexpr std::size_t kSp = 19;
constexpr std::size_t kFsBase = 21;
#elif defined(__aarch64__)
constexpr std::size_t kRegisters = 34;
constexpr std::size_t kPc = 32;
constexpr std::size_t kSp = 31;
#endif

long trace(int request, std::uint64_t tid, std::uintptr_t address, std::uintptr_t data) {
  return ptrace(static_cast<__ptrace_request>(request), static_cast<pid_t>(tid),
                reinterpret_cast<void*>(address), reinterpret_cast<void*>(data));
}

bool read_register_set(std::uint64_t tid, std::uintptr_t set, void* to, std::size_t size) {
  iovec vector{to, size};
  return trace(PTRACE_GETREGSET, tid, set, reinterpret_cast<std::uintptr_t>(&vector)) == 0 &&
         vector.iov_len == size;
}

}  // namespace

ProcessStop::ProcessStop(ProcessStop&& other) noexcept
    : seized_(std::exchange(other.seized_, {})) {}

Result<ProcessStop> ProcessStop::begin(const LiveProcess& process, Clock::time_point deadline) {
  ProcessStop stop;
  // A stopped thread starts no others: each round leaves fewer that could.
  for (bool found_new = true; found_new;) {
    found_new = false;
    if (auto seized = stop.seize_new_threads(process, found_new); !seized) {
      return std::unexpected(std::move(seized.error()));
    }
    if (auto waited = stop.wait_for_stops(process, deadline); !waited) {
      return std::unexpected(std::move(waited.error()));
    }
  }
  if (std::all_of(stop.seized_.begin(), stop.seized_.end(),
                  [](const Seized& s) { return s.gone; })) {
    return std::unexpected(gone(process.pid));
  }
  return stop;
}

Result<void> ProcessStop::seize_new_threads(const LiveProcess& process, bool& found_new) {
  std::unordered_set<std::uint64_t> known;
  for (const Seized& s : seized_) known.insert(s.tid);
  for (const std::uint64_t tid : threads_of(process)) {
    if (known.contains(tid)) continue;
    seized_.reserve(seized_.size() + 1);
    if (trace(PTRACE_SEIZE, tid, 0, 0) != 0) {
      const int error = errno;
      const char state = state_of_thread(process, tid);
      // A main thread that called pthread_exit stays as a zombie among its living threads.
      if (error == ESRCH || state == 0 || state == 'Z' || state == 'X') {
        seized_.push_back({tid, false, true, 0});
        continue;
      }
      return std::unexpected(refused(process.pid, error));
    }
    found_new = true;
    seized_.push_back({tid, false, false, 0});
    if (trace(PTRACE_INTERRUPT, tid, 0, 0) != 0) seized_.back().gone = true;
  }
  return {};
}

Result<void> ProcessStop::wait_for_stops(const LiveProcess& process, Clock::time_point deadline) {
  const auto began = Clock::now();
  for (Seized& s : seized_) {
    for (unsigned polls = 0; !s.stopped && !s.gone; ++polls) {
      siginfo_t info{};
      // WSTOPPED alone: when the target is a child of ours, its end is for its parent's code to
      // wait for.
      if (waitid(P_PID, static_cast<id_t>(s.tid), &info, WSTOPPED | WNOHANG | __WALL) != 0) {
        if (errno != EINTR) s.gone = true;
        continue;
      }
      if (info.si_pid != 0) {
        s.stopped = true;
        // An event is our interrupt or a job-control stop that was there before. Anything else is a
        // signal on its way to the thread: it stays stopped here, and gets it when it is released.
        if (info.si_status >> 8 == 0) s.pending_signal = info.si_status & 0xff;
        continue;
      }
      // Stops take microseconds: spin a little, then give the processor away.
      if (polls < 64) {
        std::this_thread::yield();
        continue;
      }
      const char state = state_of_thread(process, s.tid);
      if (state == 0 || state == 'Z' || state == 'X') {
        s.gone = true;
        continue;
      }
      const auto now = Clock::now();
      if (now - began > kPatience && state == 'D') break;
      if (now > deadline) {
        return fail(ErrorCode::pause_too_long, "pid " + std::to_string(process.pid),
                    "thread " + std::to_string(s.tid) + " did not come to a stop in time",
                    "--max-pause with more seconds, or --no-stop");
      }
      std::this_thread::sleep_for(polls < 256 ? 20us : 500us);
    }
  }
  return {};
}

std::vector<Thread> ProcessStop::threads(const LiveProcess& process) const {
  std::vector<Thread> threads;
  for (const Seized& s : seized_) {
    if (s.gone) continue;
    Thread thread;
    thread.tid = s.tid;
    thread.name = name_of_thread(process, s.tid);
    std::vector<std::uint64_t> registers(kRegisters);
    if (s.stopped && read_register_set(s.tid, NT_PRSTATUS, registers.data(), kRegisters * 8)) {
      thread.program_counter = {registers[kPc]};
      thread.stack_pointer = {registers[kSp]};
#if defined(__x86_64__)
      thread.thread_pointer = registers[kFsBase];
#else
      std::uint64_t tls = 0;
      if (read_register_set(s.tid, 0x401 /* NT_ARM_TLS */, &tls, sizeof tls)) {
        thread.thread_pointer = tls;
      }
#endif
      thread.registers = std::move(registers);
    }
    threads.push_back(std::move(thread));
  }
  std::sort(threads.begin(), threads.end(), [&](const Thread& a, const Thread& b) {
    return std::pair(a.tid != process.pid, a.tid) < std::pair(b.tid != process.pid, b.tid);
  });
  return threads;
}

std::vector<std::uint64_t> ProcessStop::deaf() const {
  std::vector<std::uint64_t> tids;
  for (const Seized& s : seized_) {
    if (!s.gone && !s.stopped) tids.push_back(s.tid);
  }
  return tids;
}

void ProcessStop::release() {
  for (const Seized& s : seized_) {
    if (s.stopped && !s.gone) {
      trace(PTRACE_DETACH, s.tid, 0, static_cast<std::uintptr_t>(s.pending_signal));
    }
  }
  seized_.clear();
}

}  // namespace coreheap::image
