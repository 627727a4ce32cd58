// A child process to look at: it runs a function that prepares memory, reports, and goes on
// counting.
#pragma once

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <new>
#include <string>
#include <thread>

namespace coreheap::image::test {

// Shared between the test and its child; words are for what the child wants to tell.
struct Shared {
  std::atomic<std::uint64_t> ticks{0};
  std::atomic<std::uint64_t> ready{0};
  std::atomic<std::uint64_t> words[64] = {};
};

class Child {
 public:
  // `prepare` runs in the child, which then counts ticks until it is killed.
  explicit Child(const std::function<void(Shared&)>& prepare) {
    void* memory =
        mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    shared_ = new (memory) Shared();
    pid_ = fork();
    if (pid_ == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      prepare(*shared_);
      shared_->ready.store(1);
      for (;;) {
        shared_->ticks.fetch_add(1);
        usleep(100);
      }
    }
    while (shared_->ready.load() == 0) usleep(100);
  }
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    munmap(shared_, sizeof(Shared));
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  Shared& shared() { return *shared_; }
  std::uint64_t word(int i) const { return shared_->words[i].load(); }

  // It does something within the time a busy machine may need.
  bool runs() const {
    const std::uint64_t before = shared_->ticks.load();
    for (int i = 0; i < 5000; ++i) {
      if (shared_->ticks.load() > before + 1) return true;
      usleep(1000);
    }
    return false;
  }

  char state() const {
    std::ifstream file("/proc/" + std::to_string(pid_) + "/stat");
    std::string text((std::istreambuf_iterator<char>(file)), {});
    const auto close = text.rfind(')');
    return close == std::string::npos ? '\0' : text[close + 2];
  }
  bool reaches_state(char wanted) const {
    for (int i = 0; i < 5000; ++i) {
      if (state() == wanted) return true;
      usleep(1000);
    }
    return false;
  }

 private:
  pid_t pid_ = -1;
  Shared* shared_ = nullptr;
};

}  // namespace coreheap::image::test
