"""The pinners of pymalloc's arenas: when they go, just those arenas go that nothing else lives in."""

import csv
import io
import json
import subprocess
import unittest

import interpreters
from interpreters import COREHEAP


def ask(pid, *words):
    done = subprocess.run([COREHEAP, str(pid), *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def section(report, name):
    return next(one for one in report["sections"] if one["name"] == name)


def mapped(pid):
    with open("/proc/%d/maps" % pid) as maps:
        return [tuple(int(part, 16) for part in line.split()[0].split("-")) for line in maps]


class Pinned(unittest.TestCase):
    def compare(self, entry):
        folder = interpreters.Folder(entry, ["pinned_target.py"])
        process = folder.start(["pinned_target.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        try:
            self.assertEqual(process.stdout.readline(), b"ready\n")
            pid = process.pid
            pinners = json.loads(ask(pid, "fragmentation", "--format", "json"))
            arenas = section(json.loads(ask(pid, "pymalloc", "--format", "json")), "arenas")["rows"]
            live = [row for row in csv.DictReader(io.StringIO(ask(pid, "export", "--columns", "address,state,allocator,type")))
                    if row["allocator"] == "pymalloc" and row["state"] != "free"]
            process.stdin.write(b"x")
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), b"done\n")
            after = mapped(pid)
            left = section(json.loads(ask(pid, "pymalloc", "--format", "json")), "arenas")["rows"]
        finally:
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
            folder.close()
        kept = [int(row["address"], 16) for row in live if row["type"] == "__main__.Kept"]
        others = [int(row["address"], 16) for row in live if row["type"] != "__main__.Kept"]
        self.assertEqual(len(kept), 400)
        ranges = [(int(arena["address"], 16), int(arena["address"], 16) + arena["size"]) for arena in arenas]
        only_kept = {r for r in ranges if any(r[0] <= a < r[1] for a in kept) and not any(r[0] <= a < r[1] for a in others)}
        gone = {r for r in ranges if not any(low < r[1] and r[0] < high for low, high in after)}
        group = next(row for row in pinners["rows"] if row["what"] == "__main__.Kept")
        print("%s: %d objects of %d bytes hold back %.1f MiB; %d of %d arenas went with them" %
              (entry["label"], group["count"], group["size"], group["holds_back"] / 2 ** 20, len(gone), len(ranges)))
        self.assertEqual(gone - only_kept, set())
        # From 3.8 on pymalloc keeps the last arena of its list though it is empty, against thrashing;
        # it may have been empty before, and then all of theirs go.
        empty_before = {int(arena["address"], 16) for arena in arenas if arena["live_blocks"] == 0}
        stays = {int(arena["address"], 16) for arena in left if arena["live_blocks"] == 0}
        self.assertEqual({begin for begin, _ in only_kept - gone}, stays - empty_before)
        self.assertLessEqual(len(stays), 0 if entry["version"] < "3.8" and not entry["version"].startswith("3.1") else 1)
        self.assertGreater(len(gone), 5)
        # They are said to hold back what went, and their part of the arenas that others keep too.
        self.assertEqual(group["count"], 400)
        self.assertGreaterEqual(group["holds_back"] + group["size"], .95 * sum(high - low for low, high in gone))

    def test_the_arenas_go_that_only_they_kept(self):
        interpreters.for_each(self, self.compare)


if __name__ == "__main__":
    unittest.main()
