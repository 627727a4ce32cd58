"""The program against targets of every sort, and what it does to them: other allocators, programs that embed
Python, subinterpreters, containers, compressed cores, no Python at all; a live target always runs on.

Each test starts what it needs, and says by name what this machine lacks.
"""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

import harness
from harness import PYTHON, SCRATCH, Target, core, wait_until

PREFIX = os.environ.get("COREHEAP_E2E_PREFIX") or harness.BUILD
PROGRAM = os.path.join(PREFIX, "bin", "coreheap")
LIBRARIES = "/usr/lib/x86_64-linux-gnu/"
KILLS = int(os.environ.get("COREHEAP_E2E_KILLS", "12"))     # 200 by hand


def coreheap(*words, timeout=120, **options):
    done = subprocess.run([PROGRAM, *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="replace", timeout=timeout, **options)
    return harness.Ran(done.returncode, done.stdout, done.stderr)


def report(*words, **options):
    ran = coreheap(*words, "--format", "json", **options)
    if ran.status not in (0, 3, 4):
        raise AssertionError(repr(ran))
    return json.loads(ran.out)


def types_of(*target, **options):
    return {row["type"]: row["objects"] for row in report(*target, "types", "--limit", "all", **options)["rows"]}


def needs_file(path):
    return unittest.skipUnless(os.path.exists(path), "no " + path)


def needs_root():
    return unittest.skipUnless(os.geteuid() == 0, "this needs root")


class Script:
    """A Python (or other) program that prints `ready` and waits."""

    def __init__(self, source=None, argv=None, **options):
        self.argv = argv or [PYTHON, "-c", source]
        self.options = options

    def __enter__(self):
        self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True,
                                        **self.options)
        line = self.process.stdout.readline()
        assert line == b"ready\n", (line, self.argv)
        self.pid = self.process.pid
        return self

    def __exit__(self, *_error):
        os.killpg(self.process.pid, signal.SIGKILL)       # and what it started
        self.process.wait()
        self.process.stdout.close()


NODES = """
import time
class Node:
    def __init__(self, i): self.name = 'node-%d' % i
nodes = [Node(i) for i in range(1000)]
print('ready', flush=True)
time.sleep(1000)
"""


class Allocators(unittest.TestCase):
    def other(self, library, name, malloc):
        environment = dict(os.environ, LD_PRELOAD=library, PYTHONMALLOC=malloc)
        with Script(NODES, env=environment) as target:
            info = report(target.pid, "info")
            types = types_of(target.pid)
            rows = report(target.pid, "export", "--limit", "all")["rows"]
        named = [row for row in info["rows"] if row["subject"] == name]
        self.assertTrue(named and named[0]["strength"] == "certain", info["rows"])
        self.assertTrue(any("%s's share" % name == row["subject"] for row in info["rows"]))
        self.assertEqual(types["__main__.Node"], 1000)
        if malloc == "malloc":
            nodes = [row for row in rows if row["type"] == "__main__.Node"]
            self.assertEqual({row["allocator"] for row in nodes}, {"other"})

    @needs_file(LIBRARIES + "libjemalloc.so.2")
    def test_jemalloc_is_named_and_its_objects_are_reached(self):
        for malloc in ("pymalloc", "malloc"):
            self.other(LIBRARIES + "libjemalloc.so.2", "jemalloc", malloc)

    @needs_file(LIBRARIES + "libtcmalloc_minimal.so.4")
    def test_tcmalloc_is_named_and_its_objects_are_reached(self):
        for malloc in ("pymalloc", "malloc"):
            self.other(LIBRARIES + "libtcmalloc_minimal.so.4", "tcmalloc", malloc)

    @needs_file(LIBRARIES + "libmimalloc.so.2")
    def test_mimalloc_is_named_and_its_objects_are_reached(self):
        for malloc in ("pymalloc", "malloc"):
            self.other(LIBRARIES + "libmimalloc.so.2", "mimalloc", malloc)

    @harness.needs("musl-gcc")
    def test_a_program_of_musl_is_read(self):
        source, binary = os.path.join(SCRATCH, "musl.c"), os.path.join(SCRATCH, "musl")
        with open(source, "w") as out:
            out.write('#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\nint main(void) {\n'
                      '  for (int i = 0; i < 2000; i++) memset(malloc(1000), 1, 1000);\n'
                      '  puts("ready"); fflush(stdout); pause(); }\n')
        subprocess.run(["musl-gcc", "-o", binary, source], check=True)
        with Script(argv=[binary]) as target:
            info = report(target.pid, "info")
        self.assertIn("musl malloc", [row["subject"] for row in info["rows"]])


class Embedding(unittest.TestCase):
    SOURCE = r"""
#include <Python.h>
int main(void) {
  Py_Initialize();
  PyRun_SimpleString("class Embedded: pass\nkept = [Embedded() for _ in range(500)]");
  puts("ready"); fflush(stdout);
  pause();
}
"""

    def build(self):
        """A C program with the interpreter in a shared library; its own name says nothing of Python."""
        source, binary = os.path.join(SCRATCH, "embed.c"), os.path.join(SCRATCH, "billing-daemon")
        if os.path.exists(binary):
            return binary
        config = shutil.which("python3-config", path="/usr/bin")
        if config is None or shutil.which("gcc") is None:
            self.skipTest("no gcc, or no /usr/bin/python3-config (python3-dev)")
        with open(source, "w") as out:
            out.write("#include <unistd.h>\n" + self.SOURCE)
        flags = [subprocess.check_output([config, *words], text=True).split() for words in (["--includes"], ["--embed", "--ldflags"])]
        done = subprocess.run(["gcc", "-s", "-o", binary, source, *flags[0], *flags[1]], stderr=subprocess.PIPE, text=True)
        if done.returncode:
            self.skipTest("an embedding program cannot be built: " + done.stderr[-200:])
        return binary

    def test_a_stripped_c_program_that_embeds_python_is_read(self):
        with Script(argv=[self.build()]) as target:
            self.assertEqual(types_of(target.pid)["__main__.Embedded"], 500)
            listed = [row for row in report("ps")["rows"] if row["pid"] == target.pid]
        self.assertEqual([row["command"] for row in listed], [self.build()])
        self.assertRegex(listed[0]["version"], r"^3\.\d+$")

    def test_a_renamed_program_is_read(self):
        binary = os.path.join(SCRATCH, "worker-7")
        shutil.copy(os.path.realpath(PYTHON), binary)
        with Script(argv=[binary, "-c", NODES]) as target:
            os.unlink(binary)                             # and its file is gone
            self.assertEqual(types_of(target.pid)["__main__.Node"], 1000)

    @harness.needs("gdb")
    def test_gdb_itself_is_a_target(self):
        source = "python print('ready', flush=True)"
        with Script(argv=["gdb", "-nx", "-q", "-batch", "-ex", "python class Breakpointy: pass",
                          "-ex", "python kept = [Breakpointy() for _ in range(300)]", "-ex", source,
                          "-ex", "python import time; time.sleep(1000)"]) as target:
            types = types_of(target.pid)
        self.assertEqual(types["__main__.Breakpointy"], 300)

    def test_subinterpreters_isolated_and_legacy_are_read(self):
        source = """
import sys, time
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
made = []
for config in ({kinds}):
    one = interpreters.create(config) if config else interpreters.create()
    interpreters.run_string(one, 'class Inner: pass\\nkept = [Inner() for _ in range(200)]')
    made.append(one)
print('ready', flush=True)
time.sleep(1000)
"""
        pythons = {PYTHON: "None, None"}
        manifest = os.path.join(harness.SOURCE, "build", "interpreters", "manifest.json")
        for entry in json.load(open(manifest)) if os.path.exists(manifest) else []:
            if entry["label"] == "pyenv-3.13" and not entry.get("skipped"):
                pythons[entry["exe"]] = "'isolated', 'legacy'"
        for python, kinds in pythons.items():
            with self.subTest(python), Script(argv=[python, "-c", source.format(kinds=kinds)]) as target:
                types = types_of(target.pid)
                info = report(target.pid, "info")
                self.assertEqual(types["__main__.Inner"], 400)
                values = next(section for section in info["sections"] if section["name"] == "python")["values"]
                self.assertEqual(values["interpreters"], 3)

    def test_a_process_without_python_is_read(self):
        with Script(argv=["/bin/sh", "-c", "echo ready; sleep 1000; :"]) as target:
            ran = coreheap(target.pid)
            self.assertEqual(ran.status, 0, ran)
            self.assertIn("= RSS", ran.out)
            ran = coreheap(target.pid, "gc")
            self.assertEqual(ran.status, 1, ran)
            self.assertIn("no CPython runtime is inside", ran.err)


class Containers(unittest.TestCase):
    @needs_root()
    @harness.needs("unshare")
    def test_private_mount_and_pid_namespaces(self):
        """The interpreter lies on a tmpfs that only the target sees, at a path that here is somebody else's."""
        place = os.path.join(SCRATCH, "hidden")
        os.makedirs(place, exist_ok=True)
        inner = "mount -t tmpfs none %s && cp %s %s/python && exec %s/python -c \"$0\"" % (
            place, os.path.realpath(PYTHON), place, place)
        done = subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], stderr=subprocess.PIPE, text=True)
        if done.returncode:
            self.skipTest("no private namespaces here: " + done.stderr.strip())
        with Script(argv=["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", inner, NODES]) as outer:
            (pid,) = [int(word) for word in open("/proc/%d/task/%d/children" % (outer.pid, outer.pid)).read().split()]
            self.assertFalse(os.path.exists(place + "/python"))
            self.assertEqual(types_of(pid)["__main__.Node"], 1000)
            modules = next(s for s in report(pid, "info")["sections"] if s["name"] == "modules")["rows"]
            self.assertTrue(any(row["path"] == place + "/python" and row["local_path"] for row in modules), modules)
            checks = {row["check"]: row for row in report("doctor", pid)["rows"]}
        self.assertEqual(checks["namespaces"]["result"], "ok")
        self.assertIn("mnt, pid", checks["namespaces"]["detail"])


class Packed(unittest.TestCase):
    def test_compressed_cores_say_what_the_core_says(self):
        path, _ = core()
        plain = types_of(path)
        for program, ending in (("zstd", ".zst"), ("gzip", ".gz"), ("lz4", ".lz4")):
            with self.subTest(program):
                if shutil.which(program) is None:
                    self.skipTest("%s is not installed" % program)
                packed = os.path.join(SCRATCH, "packed" + ending)
                with open(packed, "wb") as out:
                    subprocess.run([program, "-q", "-1", "-c", path], stdout=out, check=True)
                self.assertEqual(types_of(packed), plain)
                os.unlink(packed)

    @needs_root()
    @harness.needs("gzip")
    def test_a_core_that_does_not_fit_is_refused_with_figures(self):
        path, _ = core()
        packed = os.path.join(SCRATCH, "packed.gz")
        with open(packed, "wb") as out:
            subprocess.run(["gzip", "-1", "-c", path], stdout=out, check=True)
        small = os.path.join(SCRATCH, "small")
        os.makedirs(small, exist_ok=True)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", small]).returncode:
            self.skipTest("no tmpfs can be mounted here")
        try:
            ran = coreheap("--spill", small, packed)
            left = os.listdir(small)
        finally:
            subprocess.run(["umount", small])
        self.assertEqual(ran.status, 1, ran)
        self.assertRegex(ran.err, r"does not fit into the [0-9.]+ [KM]iB left in %s" % small)
        self.assertIn("--spill", ran.err)
        self.assertEqual(left, [])


class Doctor(unittest.TestCase):
    def checks(self, *words, **options):
        answer = report("doctor", *words, **options)
        return {row["check"]: row for row in answer["rows"]}

    @harness.can_trace()
    def test_what_can_be_read_is_said_so_and_is_not_stopped(self):
        with Target() as target:
            ran = coreheap("doctor", target.pid)
            self.assertEqual(ran.status, 0, ran)
            self.assertIn("pid %d can be read." % target.pid, ran.out)
            self.assertEqual(target.state(), "S")
            self.assertLessEqual(max(map(len, ran.out.splitlines())), 80)
            checks = self.checks(target.pid)
        for name in ("process", "user", "trace", "read", "room", "pause"):
            self.assertEqual(checks[name]["result"], "ok", checks)

    @needs_root()
    @harness.needs("setpriv")
    def test_another_user_is_refused_with_the_cure(self):
        with Target() as target:
            answer = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", PROGRAM,
                                     "doctor", str(target.pid), "--format", "json"], stdout=subprocess.PIPE, text=True)
            if answer.returncode == 126 or answer.returncode == 127:
                self.skipTest("another user cannot run the program here")
        self.assertEqual(answer.returncode, 4)
        checks = {row["check"]: row for row in json.loads(answer.stdout)["rows"]}
        self.assertEqual(checks["user"]["result"], "refused")
        self.assertIn("sudo coreheap", checks["user"]["cure"])
        self.assertEqual(checks["trace"]["result"], "refused")

    def test_a_traced_process_and_one_that_is_not_there(self):
        if shutil.which("gdb") is None:
            self.skipTest("gdb is not installed")
        with Target() as target:
            debugger = subprocess.Popen(["gdb", "-nx", "-q", "-batch", "-p", str(target.pid), "-ex", "shell echo held; sleep 1000"],
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True)
            try:
                for line in debugger.stdout:
                    if line.startswith("held"):
                        break
                tracer = self.checks(target.pid)["tracer"]
            finally:
                os.killpg(debugger.pid, signal.SIGKILL)
                debugger.wait()
                debugger.stdout.close()
        self.assertEqual(tracer["result"], "refused")
        self.assertIn("pid %d (gdb) traces it" % debugger.pid, tracer["detail"])
        self.assertEqual(self.checks(4194304)["process"]["result"], "refused")

    def test_ps_knows_parents_and_their_workers(self):
        source = """
import multiprocessing, os, time
if __name__ == '__main__':
    if os.fork() == 0:
        time.sleep(1000)
    print('ready', flush=True)
    time.sleep(1000)
"""
        with Script(source) as target:
            rows = {row["pid"]: row for row in report("ps", "--limit", "all")["rows"]}
            (child,) = [int(word) for word in open("/proc/%d/task/%d/children" % (target.pid, target.pid)).read().split()]
            os.kill(child, signal.SIGKILL)
        self.assertEqual(rows[child]["role"], "forked child of %d" % target.pid)
        self.assertIn("glibc", rows[target.pid]["allocators"])
        self.assertGreater(rows[target.pid]["rss"], rows[target.pid]["pss"])


class Harm(unittest.TestCase):
    HEARTBEAT = """
import sys, threading, time
blocks = [bytearray(1 << 20) for _ in range({mib})]
for block in blocks: block[::4096] = b'x' * 256
gaps = [0.0]
def beat():
    last = time.monotonic()
    while True:
        time.sleep(.001)
        now = time.monotonic()
        gaps[0] = max(gaps[0], now - last)
        last = now
threading.Thread(target=beat, daemon=True).start()
print('ready', flush=True)
for line in sys.stdin:
    print(gaps[0], flush=True)
    gaps[0] = 0.0
"""

    def start(self, mib):
        process = subprocess.Popen([PYTHON, "-c", self.HEARTBEAT.format(mib=mib)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   text=True, start_new_session=True)
        self.assertEqual(process.stdout.readline(), "ready\n")
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stdin.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    @staticmethod
    def largest_gap(process):
        process.stdin.write("\n")
        process.stdin.flush()
        return float(process.stdout.readline())

    @harness.can_trace()
    def test_the_pause_that_is_reported_is_the_one_that_a_heartbeat_sees(self):
        process = self.start(300)
        time.sleep(.2)
        before = self.largest_gap(process)
        values = next(s for s in report(process.pid, "info")["sections"] if s["name"] == "target")["values"]
        seen = self.largest_gap(process)
        said = float(values["pause"].split()[0])
        print("paused %.3f s by its own word, largest gap of a heartbeat %.3f s (%.3f s before)" % (said, seen, before))
        # The thread's own lateness comes on top; a stop that was not reported would be longer than both.
        self.assertGreater(seen + .006, said)                # which is printed to the hundredth
        self.assertLess(seen, said + max(before, .05) * 4)

    @harness.can_trace()
    def test_a_pause_beyond_the_limit_is_refused_before_anything_stops(self):
        process = self.start(50)
        self.largest_gap(process)
        ran = coreheap("--max-pause", "0.001", process.pid)
        self.assertEqual(ran.status, 1, ran)
        self.assertRegex(ran.err, r"would stop it for about .*\n.*--max-pause")

    @harness.can_trace()
    def test_killed_at_any_moment_it_leaves_the_target_running(self):
        process = self.start(150)
        begun = time.monotonic()
        coreheap(process.pid)
        whole = time.monotonic() - begun
        chance = random.Random(7)
        for i in range(KILLS):
            reader = subprocess.Popen([PROGRAM, str(process.pid)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.random() * whole)
            reader.send_signal(signal.SIGKILL)
            reader.wait()
            running = wait_until(lambda: open("/proc/%d/stat" % process.pid).read().rsplit(")", 1)[1].split()[0] in "SRD", 5)
            self.assertTrue(running, "killed %d times, and now it stands" % (i + 1))
            self.assertGreaterEqual(self.largest_gap(process), 0)        # it answers
        with open("/proc/%d/status" % process.pid) as status:
            self.assertRegex(status.read(), r"TracerPid:\s+0\n")
        print("killed %d times within %.2f s, answered each time" % (KILLS, whole))

    @needs_root()
    def test_both_survive_in_one_small_memory_cgroup(self):
        base = next((path for path in ("/sys/fs/cgroup/memory", "/sys/fs/cgroup") if
                     os.path.exists(os.path.join(path, "memory.limit_in_bytes" if path.endswith("memory") else "cgroup.controllers"))),
                    None)
        if base is None:
            self.skipTest("no memory control group is mounted")
        group = os.path.join(base, "coreheap-test-%d" % os.getpid())
        limit = "memory.limit_in_bytes" if base.endswith("memory") else "memory.max"
        try:
            os.mkdir(group)
            with open(os.path.join(group, limit), "w") as out:
                out.write(str(420 << 20))
        except OSError as error:
            if os.path.isdir(group):
                os.rmdir(group)
            self.skipTest("control groups cannot be written here: %s" % error)
        self.addCleanup(lambda: wait_until(lambda: not os.path.isdir(group) or not subprocess.run(["rmdir", group]).returncode, 10, .1))

        def join():
            with open(os.path.join(group, "cgroup.procs"), "w") as out:
                out.write(str(os.getpid()))
        process = self.start(300)
        with open(os.path.join(group, "cgroup.procs"), "w") as out:
            out.write(str(process.pid))
        # What was there before stays charged to the old group: the target takes its memory anew.
        with Script("import time\nblocks = [bytearray(b'x') * (1 << 20) for _ in range(300)]\nprint('ready', flush=True)\n"
                    "time.sleep(1000)", preexec_fn=join) as target:
            refused = coreheap(target.pid, preexec_fn=join)
            self.assertEqual(refused.status, 1, refused)
            self.assertRegex(refused.err, r"does not fit into the .* left by cgroup .*coreheap-test")
            self.assertIn("--spill", refused.err)
            spilled = coreheap("--spill", SCRATCH, "--max-pause", "60", target.pid, preexec_fn=join)
            self.assertIn(spilled.status, (0, 3), spilled)
            self.assertIsNone(target.process.poll())
        self.assertIsNone(process.poll())


if __name__ == "__main__":
    unittest.main()
