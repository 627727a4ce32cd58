"""`rss --cgroup` on a control group of this machine, made for the test where that is allowed."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import unittest

from interpreters import COREHEAP, HERE
from test_causes import Target, section

MIB = 1 << 20


def made_group():
    """A new control group with a memory counter and the name of its limit, or why there is none."""
    for mount, limit in (("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")):
        group = os.path.join(mount, "coreheap-test-%d" % os.getpid())
        try:
            os.mkdir(group)
        except OSError:
            continue
        if os.path.exists(os.path.join(group, limit)):
            return group, limit
        try:
            os.rmdir(group)
        except OSError:
            shutil.rmtree(group, ignore_errors=True)
    raise unittest.SkipTest("no control group with a memory counter can be made here")


class Cgroup(unittest.TestCase):
    def setUp(self):
        self.group, self.limit = made_group()

    def tearDown(self):
        for _ in range(100):
            try:
                os.rmdir(self.group)
                return
            except OSError:                     # the kernel buries its processes first
                time.sleep(.05)

    def test_the_sum_is_the_groups_own_figure(self):
        with open(os.path.join(self.group, self.limit), "w") as limit:
            limit.write(str(512 * MIB))
        # The group before the memory: pages are charged where they are first touched.
        script = "import os, sys; open(sys.argv[1], 'w').write(str(os.getpid())); os.execv(sys.executable, [sys.executable] + sys.argv[2:])"
        processes = []
        try:
            for words in (["object_leak=60"], ["native_leak=30"]):
                process = subprocess.Popen([sys.executable, "-c", script, os.path.join(self.group, "cgroup.procs"),
                                            os.path.join(HERE, "causes.py"), *words], stdout=subprocess.PIPE)
                processes.append(process)
                self.assertTrue(process.stdout.readline().startswith(b"ready"))
            pid = str(processes[0].pid)
            report = json.loads(subprocess.run([COREHEAP, pid, "rss", "--cgroup", "--format", "json"], capture_output=True, text=True,
                                               check=True).stdout)
            parts = {row["part"]: row["bytes"] for row in report["rows"]}
            print(parts)
            limits = section(report, "cgroup_limits")
            self.assertEqual(sum(parts.values()), report["totals"]["bytes"])
            self.assertEqual(report["totals"]["bytes"], limits["cgroup_current"])
            self.assertEqual(limits["cgroup_limit"], 512 * MIB)
            self.assertEqual(limits["cgroup_processes"], 2)
            self.assertGreater(parts["this"], 45 * MIB)
            self.assertGreater(parts["others"], 28 * MIB)
            # What nobody can be named for is small.
            self.assertLess(abs(parts["rest"]), 8 * MIB)
            text = subprocess.run([COREHEAP, pid], capture_output=True, text=True).stdout
            print("\n".join(text.splitlines()[:5]))
            self.assertRegex(text, r"\nPOD [\d,]+ of 512 MiB \(\d+ %\)  (=|of which) this process \d+")
            self.assertRegex(text, r"\n    reclaimable file cache inside that: \d+ MiB\.")
        finally:
            for process in processes:
                process.kill()
                process.wait()
                process.stdout.close()


class Dead(unittest.TestCase):
    def test_a_process_without_a_group_is_told_in_a_line_and_the_rest_stands(self):
        with Target("object_leak=5") as target:
            out = subprocess.run([COREHEAP, str(target.process.pid), "rss", "--cgroup"], capture_output=True, text=True)
        self.assertEqual(out.returncode, 0, out.stderr)
        self.assertTrue(re.search("CONTROL GROUP", out.stdout), out.stdout)
        self.assertIn("BESIDE the sum", out.stdout)


if __name__ == "__main__":
    unittest.main()
