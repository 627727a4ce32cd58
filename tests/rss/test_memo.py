"""What is beside the sum of `rss` on a real process: pages in swap, huge pages of hugetlbfs.

The machine's own swap is used, or a file's for as long as the test takes; huge pages are reserved likewise.
"""

import os
import re
import subprocess
import tempfile
import time
import unittest

from interpreters import COREHEAP
from test_causes import Target, section
from test_cgroup import made_group

MIB = 1 << 20
RESERVED = "/proc/sys/vm/nr_hugepages"


def smaps(pid):
    """Sums over smaps in bytes: Anonymous, Swap, hugetlb."""
    sums = {"Anonymous": 0, "Swap": 0, "Private_Hugetlb": 0, "Shared_Hugetlb": 0}
    with open("/proc/%d/smaps" % pid) as lines:
        for line in lines:
            name, _, rest = line.partition(":")
            if name in sums:
                sums[name] += int(rest.split()[0]) * 1024
    return sums["Anonymous"], sums["Swap"], sums["Private_Hugetlb"] + sums["Shared_Hugetlb"]


def wait_for_sleep(pid):
    """It says that it is ready before it waits."""
    for _ in range(1000):
        with open("/proc/%d/stat" % pid) as line:
            if line.read().rpartition(")")[2].split()[0] == "S":
                return
        time.sleep(.01)
    raise AssertionError("the target does not wait")


class Memo(unittest.TestCase):
    def compare(self, target):
        """(anonymous, swapped, hugetlb) of the report, against smaps read before it. The command line, which is read first,
        may come back from swap: no byte is lost by that. (Pages of files come and go as the kernel likes.)"""
        wait_for_sleep(target.process.pid)
        anonymous, swapped, hugetlb = smaps(target.process.pid)
        report = target.ask("rss")
        beside = section(report, "beside")
        print((anonymous, swapped, hugetlb), report["totals"], beside)
        total = report["totals"]["bytes"]
        self.assertEqual(sum(row["bytes"] for row in report["rows"]), total)
        self.assertEqual(beside["vm_rss"], total)
        self.assertEqual(beside["anonymous"] + beside["swapped"], anonymous + swapped)
        self.assertEqual(beside["hugetlb"], hugetlb)
        return beside["anonymous"], beside["swapped"], hugetlb

    def reserve(self, pages):
        try:
            with open(RESERVED) as file:
                before = file.read()
            with open(RESERVED, "w") as file:
                file.write(str(int(before) + pages))
            self.addCleanup(lambda: open(RESERVED, "w").write(before))
            with open("/proc/meminfo") as lines:
                free = int(re.search(r"HugePages_Free:\s+(\d+)", lines.read()).group(1))
        except OSError as error:
            raise unittest.SkipTest("no huge pages can be reserved: %s" % error)
        if free < pages:
            raise unittest.SkipTest("%d huge pages of the %d asked for are free" % (free, pages))

    def swap(self, size):
        with open("/proc/swaps") as lines:
            if len(lines.readlines()) > 1:
                return
        file = tempfile.NamedTemporaryFile(dir="/var/tmp")
        self.addCleanup(file.close)
        os.posix_fallocate(file.fileno(), 0, size)
        for words in (["mkswap", file.name], ["swapon", file.name]):
            try:
                done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "PATH": os.environ["PATH"] + ":/sbin"})
            except OSError as error:
                raise unittest.SkipTest("no swap: %s" % error)
            if done.returncode != 0:
                raise unittest.SkipTest("no swap: %s" % done.stderr.strip())
        self.addCleanup(subprocess.run, ["swapoff", file.name], check=True)

    def test_huge_pages_of_hugetlbfs_are_in_no_sum_and_told_beside_it(self):
        self.reserve(8)
        with Target("huge_pages=16", "object_leak=10") as target:
            _, _, hugetlb = self.compare(target)
            self.assertEqual(hugetlb, 8 * MIB)
            self.assertRegex(target.text("rss"), r"\n  hugetlbfs, besides +8\.0 MiB\n")

    def test_what_is_in_swap_is_told_beside_the_sum_and_read_as_it_is(self):
        self.swap(96 * MIB)
        with Target("swapped_objects=40") as target:
            swapped = self.compare(target)[1]
            self.assertGreater(swapped, 30 * MIB)
        with Target("swapped_objects=40") as target:
            text = target.text("heap")
            print(text)
            self.assertRegex(text, r"\n  swapped out besides: 3\d\.\d MiB \(reading has brought it back\)\n")
        group, limit = made_group()
        self.addCleanup(os.rmdir, group)
        with open(os.path.join(group, limit), "w") as file:
            file.write(str(64 * MIB))           # the copy fits, the pages that come back for it do not
        with Target("swapped_objects=40") as target:
            command = "echo $$ > %s/cgroup.procs; exec %s %d rss" % (group, COREHEAP, target.process.pid)
            refused = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
            print(refused.stderr)
            self.assertEqual(refused.returncode, 1)
            self.assertRegex(refused.stderr, r"3\d(\.\d)? MiB of it lie in swap, would come back .* left by cgroup .*beside the copy")
            self.assertGreater(smaps(target.process.pid)[1], 30 * MIB)
        counts = []
        for cause in ("swapped_objects=40", "object_leak=40"):
            with Target(cause) as target:
                counts.append({row["type"]: row["objects"] for row in target.ask("types", "--limit", "all")["rows"]
                               if row["type"] in ("dict", "int")})
        print(counts)
        # A dict and an int each, and few of the program's own.
        self.assertGreater(min(counts[0].values()), (40 << 20) // 420)
        self.assertLess(abs(counts[0]["dict"] - counts[1]["dict"]), 100)


if __name__ == "__main__":
    unittest.main()
