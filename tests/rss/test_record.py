"""`rss --record` follows a process that grows, does not stop it, and draws what it saw."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest

from interpreters import COREHEAP, INTERPRETERS
from test_causes import section

GROWS = """
import sys, time
kept = []
print("ready", flush=True)
while True:
    kept.append([object() for _ in range(20000)])
    kept.append(bytearray(1 << 20))
    time.sleep(.1)
"""
IDLES = "import time; print('ready', flush=True); time.sleep(1000)"


class Growing:
    def __init__(self, source=GROWS):
        self.source = source

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", self.source], stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def record(pid, *words, **options):
    return subprocess.run([COREHEAP, str(pid), "rss", *words], capture_output=True, text=True, **options)


class Record(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def test_the_parts_of_a_growing_process_grow(self):
        with Growing() as target:
            out = record(target.process.pid, "--record", self.path("a.csv"), "--mprof", self.path("a.dat"), "--every", "0.2",
                         "--for", "3", "--format", "json")
        self.assertEqual(out.returncode, 0, out.stderr)
        report = json.loads(out.stdout)
        rows = report["rows"]
        self.assertGreaterEqual(len(rows), 14)
        for name in ("rss", "anonymous", "glibc.mmapped", "pymalloc.used_pools"):
            values = [row[name] for row in rows]
            self.assertGreater(values[-1], values[0] + (2 << 20), name)
        # Each second brings 10 MiB of buffers, and as many small objects.
        print("CPU a sample: %d microseconds at %d MiB" % (section(report, "cost")["cpu_microseconds_per_sample"], rows[-1]["rss"] >> 20))
        with open(self.path("a.csv")) as file:
            lines = file.read().splitlines()
        self.assertTrue(lines[0].startswith("# coreheap recording 1: "), lines[0])
        self.assertEqual(len(lines), len(rows) + 2)
        with open(self.path("a.dat")) as file:
            lines = file.read().splitlines()
        self.assertTrue(lines[0].startswith("CMDLINE "), lines[0])
        self.assertTrue(all(re.fullmatch(r"MEM \d+\.\d{6} \d+\.\d{3}", line) for line in lines[1:]), lines[1])

    def test_mprof_reads_what_is_written_for_it(self):
        root = os.path.join(INTERPRETERS, "bookworm-extensions")
        program = "/usr/bin/python3-mprof"
        if not os.path.exists(root + program):
            raise unittest.SkipTest("no %s%s; run tests/interpreters/fetch --extensions" % (root, program))
        if os.geteuid() != 0:
            raise unittest.SkipTest("chroot needs root")
        with tempfile.NamedTemporaryFile(dir=os.path.join(root, "tmp"), suffix=".dat") as data:
            with Growing() as target:
                out = record(target.process.pid, "--record", self.path("a.csv"), "--mprof", data.name, "--every", "0.2", "--for", "1",
                             "--format", "json")
            peak = max(row["rss"] for row in json.loads(out.stdout)["rows"]) / (1 << 20)
            said = subprocess.run(["/usr/bin/python3", program, "peak", "/tmp/" + os.path.basename(data.name)], capture_output=True,
                                  text=True, preexec_fn=lambda: (os.chroot(root), os.chdir("/")))
        self.assertRegex(said.stdout, r"^/tmp/\S+\t%.3f MiB$" % peak)

    def test_a_recording_is_drawn(self):
        with Growing() as target:
            record(target.process.pid, "--record", self.path("a.csv"), "--every", "0.2", "--for", "1")
            out = record(target.process.pid, "--curves", self.path("a.csv"))
            self.assertRegex(out.stdout, r"(?m)^RSS +[\d.]+ MiB +[\d.]+ MiB  .*#$")
            self.assertLessEqual(max(map(len, out.stdout.splitlines())), 80)
            out = record(target.process.pid, "--curves", self.path("a.csv"), "-o", self.path("a.svg"))
        self.assertEqual(out.returncode, 0, out.stderr)
        with open(self.path("a.svg")) as file:
            picture = file.read()
        self.assertTrue(picture.startswith("<svg ") and picture.endswith("</svg>\n") and "<polygon" in picture)

    def test_the_process_is_never_stopped(self):
        with Growing(IDLES) as target:
            pid = target.process.pid
            recorder = subprocess.Popen([COREHEAP, str(pid), "rss", "--record", self.path("a.csv"), "--every", "0.01", "--for", "1"],
                                        stdout=subprocess.DEVNULL)
            traced = 0
            while recorder.poll() is None:
                with open("/proc/%d/status" % pid) as status:
                    traced += "TracerPid:\t0\n" not in status.read()
                time.sleep(.001)
            self.assertEqual(recorder.returncode, 0)
            self.assertEqual(traced, 0)

    def test_the_end_of_the_process_ends_the_recording(self):
        with Growing() as target:
            recorder = subprocess.Popen([COREHEAP, str(target.process.pid), "rss", "--record", self.path("a.csv"), "--every", "0.1"],
                                        stdout=subprocess.PIPE, text=True)
            time.sleep(1)
            target.process.kill()
            target.process.wait()
            text = recorder.communicate(timeout=20)[0]
        self.assertEqual(recorder.returncode, 0, text)
        self.assertIn("ended", text)
        self.assertIn("samples in", text)

    def test_bad_times_and_files_are_named(self):
        with Growing(IDLES) as target:
            pid = target.process.pid
            self.assertIn("'never' is no time", record(pid, "--record", self.path("a"), "--every", "never").stderr)
            self.assertIn("/nonexistent/a", record(pid, "--record", "/nonexistent/a", "--for", "1").stderr)
            self.assertIn("is no recording", record(pid, "--curves", __file__).stderr)


if __name__ == "__main__":
    unittest.main()
