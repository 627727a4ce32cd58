// Control groups of both versions, as trees of files.
#include "heapparse/image/cgroup.h"

#include <filesystem>

#include "tests/unit/catch.h"
#include "tests/unit/image/scratch.h"

namespace coreheap::image {
namespace {

using test::Scratch;

class Tree {
 public:
  void put(const std::string& path, const std::string& text) const {
    const std::string full = scratch_.path() + path;
    std::filesystem::create_directories(std::filesystem::path(full).parent_path());
    std::ofstream(full) << text;
  }
  void process(int pid, const std::string& name, int anon_kib, int shmem_kib) const {
    const std::string directory = "/proc/" + std::to_string(pid);
    put(directory + "/comm", name + "\n");
    put(directory + "/smaps_rollup",
        "00400000-7fff00000000 ---p 00000000 00:00 0 [rollup]\nRss: 999 kB\nPss: " +
            std::to_string(anon_kib + shmem_kib) + " kB\nPss_Anon: " + std::to_string(anon_kib) +
            " kB\nPss_Shmem: " + std::to_string(shmem_kib) + " kB\n");
  }
  Result<Cgroup> read(std::uint64_t pid) const {
    JobControl job;
    return read_cgroup(pid, job, scratch_.path());
  }

 private:
  Scratch scratch_;
};

std::int64_t sum_of_parts(const Cgroup& g) {
  return static_cast<std::int64_t>(g.self_anonymous() + g.others_anonymous() + g.shmem + g.file +
                                   g.kernel()) +
         g.rest();
}

void version_two(const Tree& tree, const std::string& directory) {
  tree.put(directory + "/memory.current", "10000000\n");
  tree.put(directory + "/memory.max", "16777216\n");
  tree.put(directory + "/memory.peak", "12000000\n");
  tree.put(directory + "/memory.events", "low 0\nhigh 0\nmax 12\noom 4\noom_kill 3\n");
  tree.put(directory + "/memory.swap.current", "4096\n");
  tree.put(directory + "/memory.stat",
           "anon 6000000\nfile 3000000\nkernel 900000\nkernel_stack 100000\npagetables 200000\n"
           "sec_pagetables 0\npercpu 1000\nsock 50000\nvmalloc 0\nshmem 1000000\n"
           "inactive_file 700000\nslab 500000\n");
}

TEST_CASE("A group of version 2 is read with its limit, and its parts add up to it") {
  const Tree tree;
  tree.put("/proc/7/cgroup", "0::/kubepods/pod1/ab12\n");
  tree.process(7, "python3", 4000, 10);
  tree.process(8, "sidecar", 1000, 0);
  version_two(tree, "/sys/fs/cgroup/kubepods/pod1/ab12");
  tree.put("/sys/fs/cgroup/kubepods/pod1/ab12/cgroup.procs", "7\n8\n");
  const auto group = tree.read(7);
  REQUIRE(group);
  CHECK(group->version == 2);
  CHECK(group->path == "/kubepods/pod1/ab12");
  CHECK(group->limit == 16777216);
  CHECK(group->current == 10000000);
  CHECK(group->peak == 12000000);
  CHECK(group->oom_kills == 3);
  CHECK(group->swap == 4096);
  CHECK(group->self_anonymous() == 4000 * 1024);
  CHECK(group->others_anonymous() == 1000 * 1024);
  CHECK(group->shmem == 1000000);
  CHECK(group->file == 2000000);
  CHECK(group->reclaimable == 700000);
  CHECK(group->kernel() == 900000 + 50000);
  CHECK(group->kernel_other == 100000);
  CHECK(sum_of_parts(*group) == 10000000);
  CHECK(group->processes.at(1).name == "sidecar");
}

TEST_CASE("The level that sets the limit is described, with all processes below it") {
  const Tree tree;
  tree.put("/proc/7/cgroup", "0::/pod/app\n");
  tree.process(7, "python3", 4000, 0);
  tree.process(9, "other", 500, 0);
  version_two(tree, "/sys/fs/cgroup/pod");
  tree.put("/sys/fs/cgroup/pod/app/memory.current", "5000000\n");
  tree.put("/sys/fs/cgroup/pod/app/memory.max", "max\n");
  tree.put("/sys/fs/cgroup/pod/app/cgroup.procs", "7\n");
  tree.put("/sys/fs/cgroup/pod/side/cgroup.procs", "9\n");
  const auto group = tree.read(7);
  REQUIRE(group);
  CHECK(group->path == "/pod");
  CHECK(group->current == 10000000);
  CHECK(group->processes.size() == 2);
  CHECK(group->others_anonymous() == 500 * 1024);
}

TEST_CASE("A group of version 1 is read") {
  const Tree tree;
  tree.put("/proc/7/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/ab\n1:name=systemd:/\n0::/\n");
  tree.process(7, "python3", 3000, 0);
  const std::string directory = "/sys/fs/cgroup/memory/docker/ab";
  tree.put(directory + "/cgroup.procs", "7\n11\n");  // 11 has gone
  tree.put(directory + "/memory.usage_in_bytes", "8000000\n");
  tree.put(directory + "/memory.limit_in_bytes", "9223372036854771712\n");
  tree.put(directory + "/memory.max_usage_in_bytes", "9000000\n");
  tree.put(directory + "/memory.memsw.usage_in_bytes", "8100000\n");
  tree.put(directory + "/memory.kmem.usage_in_bytes", "300000\n");
  tree.put(directory + "/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n");
  tree.put(directory + "/memory.stat",
           "cache 1\nrss 1\ntotal_cache 4000000\ntotal_rss 3500000\ntotal_shmem 1500000\n"
           "total_inactive_file 100000\n");
  const auto group = tree.read(7);
  REQUIRE(group);
  CHECK(group->version == 1);
  CHECK_FALSE(group->limit);  // v1 writes a number that no machine has
  CHECK(group->anonymous == 3500000);
  CHECK(group->file == 2500000);
  CHECK(group->shmem == 1500000);
  CHECK(group->kernel() == 300000);
  CHECK(group->swap == 100000);
  CHECK(group->oom_kills == 2);
  CHECK(group->unread_processes == 1);
  CHECK(group->findings.size() == 1);
  CHECK(sum_of_parts(*group) == 8000000);
}

TEST_CASE("A group of another namespace is read through the root of the process") {
  const Tree tree;
  tree.put("/proc/7/cgroup", "0::/\n");
  tree.process(7, "python3", 100, 0);
  version_two(tree, "/proc/7/root/sys/fs/cgroup");
  tree.put("/proc/7/root/sys/fs/cgroup/cgroup.procs", "0\n");
  const auto group = tree.read(7);
  REQUIRE(group);
  CHECK(group->current == 10000000);
  CHECK(group->self_anonymous() == 100 * 1024);
}

TEST_CASE("A process of the root group, or none at all, is said to have no group") {
  const Tree tree;
  tree.put("/proc/7/cgroup", "0::/\n");
  tree.put("/sys/fs/cgroup/cgroup.procs", "7\n");
  const auto group = tree.read(7);
  REQUIRE_FALSE(group);
  CHECK(group.error().reason.find("no memory control group") != std::string::npos);
  CHECK_FALSE(tree.read(8));
}

TEST_CASE("Figures that exceed the group's own leave a negative rest") {
  const Tree tree;
  tree.put("/proc/7/cgroup", "0::/g\n");
  tree.process(7, "python3", 20000, 0);
  version_two(tree, "/sys/fs/cgroup/g");
  tree.put("/sys/fs/cgroup/g/cgroup.procs", "7\n");
  const auto group = tree.read(7);
  REQUIRE(group);
  CHECK(group->rest() < 0);
  CHECK(sum_of_parts(*group) == 10000000);
}

}  // namespace
}  // namespace coreheap::image
