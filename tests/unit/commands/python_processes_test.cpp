// Processes told apart by the names of their files, their words and their parents.
#include "commands/python_processes.h"

#include "tests/unit/catch.h"

using namespace coreheap;
using namespace coreheap::commands;

namespace {

image::ListedProcess process(std::uint64_t pid, std::uint64_t parent, std::string executable,
                             std::vector<std::string> arguments,
                             std::vector<std::string> files = {}) {
  image::ListedProcess one;
  one.pid = pid;
  one.parent = parent;
  one.executable = std::move(executable);
  one.arguments = std::move(arguments);
  one.files = std::move(files);
  return one;
}

const PythonProcess* of(const std::vector<PythonProcess>& all, std::uint64_t pid) {
  for (const PythonProcess& one : all) {
    if (one.process.pid == pid) return &one;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("A process is Python's by the files it maps, whatever its name") {
  const auto found = python_processes({
      process(1, 0, "/usr/bin/python3.11", {"python3"}),
      process(2, 0, "/opt/billing", {"billing"}, {"/usr/lib/libpython3.9.so.1.0"}),
      process(3, 0, "/opt/static", {"static"},
              {"/opt/lib/python3.12/lib-dynload/_json.cpython-312-x86_64-linux-gnu.so"}),
      process(4, 0, "/usr/bin/python2.7 (deleted)", {"python"}),
      process(5, 0, "/usr/bin/python3-not", {"x"}),
      process(6, 0, "/usr/bin/perl", {"perl"}, {"/usr/lib/python-apt.so", "/srv/python/data"}),
      process(7, 0, "/usr/bin/bash", {"bash", "python3.11"}),
  });
  REQUIRE(of(found, 1));
  CHECK(of(found, 1)->version == "3.11");
  REQUIRE(of(found, 2));
  CHECK(of(found, 2)->version == "3.9");
  REQUIRE(of(found, 3));
  CHECK(of(found, 3)->version == "3.12");
  REQUIRE(of(found, 4));
  CHECK(of(found, 4)->version == "2.7");
  CHECK(of(found, 6) == nullptr);
  CHECK(of(found, 7) == nullptr);
}

TEST_CASE("Allocators are named once each") {
  const auto found = python_processes(
      {process(1, 0, "/usr/bin/python3.11", {"python3"},
               {"/lib/libc.so.6", "/lib/libjemalloc.so.2", "/lib/libtcmalloc_minimal.so.4",
                "/lib/libtcmalloc_minimal_debug.so.4"})});
  REQUIRE(found.size() == 1);
  CHECK(found[0].allocators == "glibc, jemalloc, tcmalloc");
}

TEST_CASE("Roles follow from words and parents") {
  const std::string python = "/usr/bin/python3.11";
  const std::vector<std::string> gunicorn = {"python3", "/usr/bin/gunicorn", "app:app"};
  const std::vector<std::string> spawn = {
      "python3", "-c", "from multiprocessing.spawn import spawn_main; spawn_main(5)"};
  const auto found = python_processes({
      process(10, 1, python, gunicorn),
      process(11, 10, python, gunicorn),
      process(12, 10, python, gunicorn),
      process(20, 1, python, {"gunicorn: master [app]"}),
      process(30, 1, python, {"python3", "job.py"}),
      process(31, 30, python, spawn),
      process(32, 30, python,
              {"python3", "-c", "from multiprocessing.resource_tracker import main;main(9)"}),
      process(40, 1, python, {"python3", "pre.py"}),
      process(41, 40, python, {"python3", "pre.py"}),
      process(50, 1, python, {"python3", "alone.py"}),
      process(60, 1, python, {"python3", "-m", "celery", "-A", "app", "worker"}),
  });
  const auto role = [&](std::uint64_t pid) { return of(found, pid)->role; };
  CHECK(role(10) == "gunicorn master");
  CHECK(role(11) == "gunicorn worker of 10");
  CHECK(role(12) == "gunicorn worker of 10");
  CHECK(role(20) == "gunicorn master");
  CHECK(role(30).empty());
  CHECK(role(31) == "multiprocessing worker of 30");
  CHECK(role(32) == "multiprocessing resource tracker of 30");
  CHECK(role(40).empty());
  CHECK(role(41) == "forked child of 40");
  CHECK(role(50).empty());
  CHECK(role(60) == "celery");
}

TEST_CASE("A process without words has no role, and does no harm") {
  const auto found = python_processes({process(1, 1, "/usr/bin/python3", {})});
  REQUIRE(found.size() == 1);
  CHECK(found[0].role.empty());
  CHECK(found[0].version.empty());
}
