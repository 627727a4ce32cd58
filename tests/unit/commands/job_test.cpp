// Jobs on threads of their own.
#include "commands/job.h"

#include <csignal>

#include "tests/unit/catch.h"

using namespace coreheap;
using namespace coreheap::commands;
using namespace std::chrono_literals;

TEST_CASE("A job's thread has every signal blocked, its maker's are as before") {
  sigset_t before;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  bool blocked = true;
  Job job([&](JobControl&) {
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    for (const int signal : {SIGINT, SIGTERM, SIGCHLD, SIGPIPE, SIGWINCH, SIGALRM}) {
      blocked = blocked && sigismember(&mask, signal) == 1;
    }
    return Outcome{};
  });
  REQUIRE(job.wait_for(10s));
  CHECK(blocked);
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  for (int signal = 1; signal < 32; ++signal) {
    CHECK(sigismember(&before, signal) == sigismember(&after, signal));
  }
}

TEST_CASE("What is thrown in a job is its outcome") {
  Job memory([](JobControl&) -> Outcome { throw std::bad_alloc(); });
  REQUIRE(memory.wait_for(10s));
  CHECK(memory.outcome().status == 1);
  CHECK(memory.outcome().error.find("not enough memory") != std::string::npos);
  Job other([](JobControl&) -> Outcome { throw 5; });
  REQUIRE(other.wait_for(10s));
  CHECK(other.outcome().status == 1);
}

TEST_CASE("A job that goes away has been cancelled and joined") {
  std::atomic<bool> ended = false;
  {
    Job job([&](JobControl& control) {
      while (!control.cancelled()) std::this_thread::sleep_for(1ms);
      ended = true;
      return Outcome{130, "cancelled", {}};
    });
    CHECK_FALSE(job.wait_for(20ms));
  }
  CHECK(ended);
}

TEST_CASE("Progress is the step and how much of it is done") {
  JobControl control;
  CHECK(progress_text(control).empty());
  control.begin_step("walking chunks", 200);
  control.advance(82);
  CHECK(progress_text(control) == "walking chunks 41 %");
  control.advance(1000);
  CHECK(progress_text(control) == "walking chunks 100 %");
  control.begin_step("reading", 0);
  CHECK(progress_text(control) == "reading");
  control.begin_step("huge", UINT64_MAX);
  control.advance(UINT64_MAX / 2);
  CHECK(progress_text(control) == "huge 50 %");
}
