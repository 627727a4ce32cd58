// The POD lines of the first screen.
#include "commands/cgroup_screen.h"

#include <sstream>

#include "tests/unit/catch.h"

using namespace coreheap;
using namespace coreheap::commands;

namespace {

constexpr std::uint64_t kMebi = 1 << 20;

image::Cgroup group(std::uint64_t self, std::uint64_t shmem, std::uint64_t file,
                    std::uint64_t slab) {
  image::Cgroup g;
  g.processes.resize(10);
  g.processes[0].pss = g.processes[0].pss_anon = self * kMebi;
  g.processes[1].pss = g.processes[1].pss_anon = 36 * kMebi;
  g.shmem = shmem * kMebi;
  g.file = file * kMebi;
  g.slab = slab * kMebi;
  g.anonymous = g.self_anonymous() + g.others_anonymous();
  g.current = g.anonymous + g.shmem + g.file + g.slab;
  return g;
}

}  // namespace

TEST_CASE("The parts of a control group add up to its figure") {
  CHECK(pod_lines(group(7, 0, 0, 0)) ==
        "POD 43 MiB (no limit)  = this process 7 + 9 others 36\n"
        "    reclaimable file cache inside that: 0 MiB.\n");
  image::Cgroup limited = group(1846, 120, 2153, 170);
  limited.limit = 8192 * kMebi;
  limited.oom_kills = 4;
  CHECK(pod_lines(limited) ==
        "POD 4,325 of 8,192 MiB (53 %)  = this process 1,846 + 9 others 36 + shm 120 +\n"
        "    cache 2,153 + kernel, rest 170\n"
        "    reclaimable file cache inside that: 0 MiB.  oom kills so far: 4\n");
}

TEST_CASE("No line about a control group is wider than a terminal, its plus at the end included") {
  // The first line's end falls on each column around the 80th.
  std::size_t widest = 0;
  for (std::uint64_t self = 1; self < 100'000'000; self *= 10) {
    for (std::uint64_t file = 1; file < 100'000'000; file *= 10) {
      for (const std::uint64_t shmem : {0, 120}) {
        std::istringstream lines(pod_lines(group(self, shmem, file, 170)));
        for (std::string line; std::getline(lines, line);) {
          INFO(line);
          CHECK(line.size() <= 80);
          CHECK(line.back() != ' ');
          widest = std::max(widest, line.size());
        }
      }
    }
  }
  CHECK(widest == 80);
}
