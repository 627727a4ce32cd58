// Work in pieces: each once, exceptions contained, cancelled when told, no signals for workers.
#include "heapparse/base/parallel.h"

#include <signal.h>

#include <chrono>
#include <mutex>
#include <new>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/unit/catch.h"

namespace {

using namespace coreheap;

TEST_CASE("every piece is done once, by a worker that exists") {
  for (const std::size_t pieces : {0U, 1U, 2U, 3U, 1000U}) {
    JobControl job;
    std::vector<std::atomic<int>> done(pieces);
    std::atomic<bool> stranger{false};
    const auto result = parallel_for(pieces, job, [&](std::size_t piece, unsigned worker) {
      ++done[piece];
      if (worker >= worker_count(pieces)) stranger = true;
    });
    REQUIRE(result.has_value());
    CHECK_FALSE(stranger);
    for (const auto& d : done) REQUIRE(d == 1);
  }
}

TEST_CASE("there are no more workers than pieces, and never none") {
  CHECK(worker_count(0) == 1);
  CHECK(worker_count(1) == 1);
  CHECK(worker_count(2) <= 2);
  CHECK(worker_count(1 << 20) >= 1);
  CHECK(worker_count(1 << 20) <= std::max(1U, std::thread::hardware_concurrency()));
}

TEST_CASE("two calls of one worker never overlap") {
  JobControl job;
  std::vector<std::atomic<int>> busy(worker_count(64));
  std::atomic<bool> overlap{false};
  REQUIRE(parallel_for(64, job, [&](std::size_t, unsigned worker) {
            if (busy[worker].fetch_add(1) != 0) overlap = true;
            std::this_thread::sleep_for(std::chrono::microseconds(100));
            busy[worker].fetch_sub(1);
          }).has_value());
  CHECK_FALSE(overlap);
}

TEST_CASE("an exception in a piece becomes an error of the caller's, and the rest stops") {
  const auto code_of = [](auto thrower, std::size_t at) {
    JobControl job;
    std::atomic<std::size_t> after{0};
    const auto result = parallel_for(100000, job, [&](std::size_t piece, unsigned) {
      if (piece == at) thrower();
      ++after;
    });
    REQUIRE_FALSE(result.has_value());
    CHECK(after < 100000);
    return result.error();
  };
  CHECK(code_of([] { throw std::bad_alloc(); }, 0).code == ErrorCode::out_of_memory);
  CHECK(code_of([] { throw std::bad_alloc(); }, 7).code == ErrorCode::out_of_memory);
  const Error e = code_of([] { throw std::runtime_error("broken"); }, 3);
  CHECK(e.code == ErrorCode::internal);
  CHECK(e.reason == "broken");
  CHECK(code_of([] { throw 42; }, 3).code == ErrorCode::internal);
}

TEST_CASE("of several exceptions one comes back") {
  JobControl job;
  const auto result =
      parallel_for(1000, job, [](std::size_t, unsigned) { throw std::runtime_error("each"); });
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().reason == "each");
}

TEST_CASE("a cancelled job stops soon, and says so") {
  JobControl job;
  std::atomic<std::size_t> done{0};
  const auto result = parallel_for(1000000, job, [&](std::size_t, unsigned) {
    if (++done == 10) job.cancel();
  });
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().code == ErrorCode::cancelled);
  CHECK(done < 1000000);
  const auto again = parallel_for(5, job, [&](std::size_t, unsigned) { done = 0; });
  REQUIRE_FALSE(again.has_value());
  CHECK(done != 0);
}

TEST_CASE("threads that were started block every signal, and the caller's mask is as before") {
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, nullptr, &before);
  REQUIRE(sigismember(&before, SIGINT) == 0);
  const auto caller = std::this_thread::get_id();
  std::mutex mutex;
  std::set<std::thread::id> workers;
  bool all_blocked = true;
  JobControl job;
  REQUIRE(parallel_for(64, job, [&](std::size_t, unsigned) {
            std::this_thread::sleep_for(std::chrono::microseconds(200));
            const std::lock_guard lock(mutex);
            workers.insert(std::this_thread::get_id());
            if (std::this_thread::get_id() == caller) return;
            sigset_t mask;
            pthread_sigmask(SIG_BLOCK, nullptr, &mask);
            for (const int signal : {SIGINT, SIGTERM, SIGCHLD, SIGALRM, SIGWINCH}) {
              if (sigismember(&mask, signal) != 1) all_blocked = false;
            }
          }).has_value());
  CHECK(all_blocked);
  CHECK(workers.size() <= worker_count(64));
  sigset_t after;
  pthread_sigmask(SIG_BLOCK, nullptr, &after);
  CHECK(sigismember(&after, SIGINT) == 0);
}

TEST_CASE("progress may be read at any time") {
  JobControl job;
  CHECK(job.progress().step.empty());
  job.begin_step("walking", 10);
  job.advance(3);
  job.advance(4);
  const auto p = job.progress();
  CHECK(p.step == "walking");
  CHECK(p.done == 7);
  CHECK(p.total == 10);
  job.begin_step("next", 2);
  CHECK(job.progress().done == 0);
}

}  // namespace
