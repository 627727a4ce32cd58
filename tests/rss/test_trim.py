"""The pages that `fragmentation --pages` says malloc_trim(0) would give back are those that lose their presence.

For every interpreter at hand: a target with holes in several arenas is read by coreheap, then calls
malloc_trim(0); /proc/PID/pagemap is read before and after, page by page.
"""

import json
import re
import struct
import subprocess
import unittest

import interpreters
from interpreters import COREHEAP

PAGE = 4096


def heaps_of(pid):
    """Private writable anonymous mappings, in runs without a gap."""
    ranges = []
    with open("/proc/%d/maps" % pid) as maps:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+\s*(.*)", line)
            name = match.group(4)
            if match.group(3)[3] == "p" and match.group(3)[:2] == "rw" and (not name or name.startswith("[heap")):
                ranges.append((int(match.group(1), 16), int(match.group(2), 16)))
    return ranges


def present(pid, ranges):
    """Addresses of the pages in `ranges` that are in RAM."""
    pages = set()
    with open("/proc/%d/pagemap" % pid, "rb") as pagemap:
        for begin, end in ranges:
            pagemap.seek(begin // PAGE * 8)
            data = pagemap.read((end - begin) // PAGE * 8)
            for i, (word,) in enumerate(struct.iter_unpack("Q", data)):
                if word >> 63:
                    pages.add(begin + i * PAGE)
    return pages


def pages_of(begin, end):
    return set(range(begin, end, PAGE))


class Trim(unittest.TestCase):
    def compare(self, entry, seed):
        folder = interpreters.Folder(entry, ["trim_target.py"])
        process = folder.start(["trim_target.py", str(seed)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            self.assertEqual(process.stdout.readline(), b"ready\n")
            pid = process.pid
            out = subprocess.run([COREHEAP, str(pid), "fragmentation", "--pages", "--format", "json"], capture_output=True, text=True)
            self.assertEqual(out.returncode, 0, out.stderr)
            rows = json.loads(out.stdout)["rows"]
            ranges = heaps_of(pid)
            before = present(pid, ranges)
            process.stdin.write(b"x")
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), b"done\n")
            after = present(pid, ranges)
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
            folder.close()
        said = set()
        for row in rows:
            said |= pages_of(int(row["begin"], 16), int(row["end"], 16))
        lost = before - after
        predicted = said & before
        self.assertEqual(sum(row["resident"] for row in rows), len(predicted) * PAGE)
        print("%s (glibc %s): %d pages predicted in %d ranges of %d arenas, %d lost" % (
            entry["label"], entry["glibc"], len(predicted), len(rows), len({row["arena"] for row in rows}), len(lost)))
        self.assertGreater(len(predicted), 1000)
        self.assertIn("brk", {row["how"] for row in rows})
        self.assertGreater(len({row["arena"] for row in rows}), 2)
        self.assertEqual([hex(page) for page in sorted(predicted - lost)], [], "predicted, and still there")
        self.assertEqual([hex(page) for page in sorted(lost - predicted)], [], "gone, and not predicted")

    def test_predicted_pages_are_the_pages_that_go(self):
        interpreters.for_each(self, lambda entry: [self.compare(entry, seed) for seed in (1, 2)])


if __name__ == "__main__":
    unittest.main()
