"""objgraph's and Pympler's own figures against `types --compat`, on every interpreter they run on."""

import csv
import glob
import io
import json
import os
import shutil
import subprocess
import unittest

import interpreters
from interpreters import COREHEAP

HERE = os.path.dirname(os.path.abspath(__file__))


def modules_for(version):
    """The folder of modules whose versions suit: trixie's objgraph is for 3.13, Pympler is bullseye's."""
    suites = ["trixie", "bullseye"] if version >= "3.13" and version.startswith("3.1") else ["bullseye"]
    return [os.path.join(interpreters.INTERPRETERS, suite + "-modules", "usr/lib/python3/dist-packages") for suite in suites]


def counted(pid, tool):
    done = subprocess.run([COREHEAP, str(pid), "types", "--compat", tool, "--format", "csv", "--limit", "all",
                           "--columns", "type,objects,shallow,notes"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    assert done.returncode == 0, done.stderr
    return {row["type"]: [int(row["objects"]), int(row["shallow"] or 0), int((row["notes"] or "0").split()[0])]
            for row in csv.DictReader(io.StringIO(done.stdout.decode()))}


def agree(ours, truth):
    """The same, but for objects of which we say that the tool may not be shown them."""
    if ours is None or truth is None:
        return False
    more = ours[0] - truth[0]
    return ours[:2] == truth if more == 0 else 0 < more <= ours[2] and ours[1] > truth[1]


@unittest.skipUnless(glob.glob(os.path.join(interpreters.INTERPRETERS, "*-modules")), "objgraph and Pympler were not fetched")
class Tools(unittest.TestCase):
    def compare(self, entry, variant):
        if entry["version"].startswith("2."):
            print("%s: skipped: the tools were not tried on Python 2" % entry["label"])
            return
        if entry["version"].startswith("3.6"):
            print("%s: skipped: frames and a tuple of the counting child differ from its parent's (frame 5 for 3)" % entry["label"])
            return
        folder = interpreters.Folder(entry, [os.path.join(HERE, "tools_target.py")])
        try:
            for modules in reversed(modules_for(entry["version"])):
                if os.path.isdir(modules):
                    shutil.copytree(modules, os.path.join(folder.outside, "modules"), dirs_exist_ok=True,
                                    ignore=shutil.ignore_patterns("templates"))
            process = folder.start(["tools_target.py", "modules", variant], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                said = [json.loads(process.stdout.readline()) for _ in range(3)][1:]
                self.assertEqual(process.stdout.readline(), b"ready\n")
                for tool, truth in said:
                    if isinstance(truth, str):
                        print("%s %s: no %s: %s" % (entry["label"], variant, tool, truth))
                        continue
                    ours = counted(process.pid, tool)
                    differences = ["%s: %s, %s says %s" % (name, ours.get(name), tool, truth.get(name))
                                   for name in sorted(set(ours) | set(truth)) if not agree(ours.get(name), truth.get(name))]
                    self.assertEqual(differences, [])
                    self.assertGreaterEqual(truth["Node" if tool == "objgraph" else "__main__.Node"][0],
                                            70 if variant == "frozen" else 500)
                    unsure = sum(row[0] for row in ours.values()) - sum(row[0] for row in truth.values())
                    print("%s %s: %d rows of %s agree, %d objects; %d that only a module's state shows" %
                          (entry["label"], variant, len(truth), tool, sum(row[0] for row in truth.values()), unsure))
            finally:
                process.kill()
                process.wait()
                process.stdin.close()
                process.stdout.close()
        finally:
            folder.close()

    def test_what_they_count_is_what_the_views_count(self):
        interpreters.for_each(self, lambda entry: self.compare(entry, "plain"))

    def test_what_is_frozen_is_hidden_from_them_and_from_the_views(self):
        interpreters.for_each(self, lambda entry: self.compare(entry, "frozen"))

    def check_rules(self, entry, variant):
        """What heapy, Meliae and PyHeap count, worked out by hand for what the target plants."""
        if entry["version"].startswith("2."):
            print("%s: skipped: the target's tools are for Python 3" % entry["label"])
            return
        folder = interpreters.Folder(entry, [os.path.join(HERE, "tools_target.py")])
        try:
            os.mkdir(os.path.join(folder.outside, "modules"))
            process = folder.start(["tools_target.py", "modules", variant], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                while process.stdout.readline() != b"ready\n":
                    pass
                view = {tool: counted(process.pid, tool) for tool in ("guppy", "meliae", "pyheap", "objgraph")}
            finally:
                process.kill()
                process.wait()
                process.stdin.close()
                process.stdout.close()
        finally:
            folder.close()
        if variant == "frozen" and entry["version"].startswith("3.6"):
            return                                              # gc.freeze came with 3.7
        fresh, frozen = (70, 500) if variant == "frozen" else (500, 0)
        # Roots lead to what is alive, frozen or not, and to no garbage: 25 rings of one Node.
        self.assertEqual(view["guppy"]["__main__.Node"][0], fresh + frozen)
        # The collector's lists have the garbage too; what is frozen is in none, but gc.get_objects() leads there
        # from the list that was frozen later only.
        self.assertEqual(view["objgraph"]["Node"][0], fresh + 25)
        self.assertEqual(view["meliae"]["Node"][0], view["pyheap"]["__main__.Node"][0])
        self.assertGreaterEqual(view["pyheap"]["__main__.Node"][0], fresh + 25)
        if variant == "plain":
            # Meliae names a class as tp_name does; heapy and PyHeap with its module, inner classes by their qualified name.
            self.assertEqual(view["meliae"]["Inner"][0], 50)
            self.assertEqual(view["guppy"]["__main__.Outer.Inner"][0], 50)
            # Keys of a dict with str keys alone are shown by no traversal; PyHeap asks for keys.
            for tool in ("guppy", "meliae"):
                self.assertGreaterEqual(view["pyheap"]["str"][0] - view[tool]["str"][0], 500, tool)
            # Tuples of atoms are tracked by nobody, and reached by all three.
            for tool in ("guppy", "meliae", "pyheap"):
                self.assertGreaterEqual(view[tool]["float"][0], 300, tool)
            self.assertNotIn("float", view["objgraph"])
            # Only heapy tells dicts by their owner.
            self.assertIn("dict of module", view["guppy"])
            owned = sum(row[0] for name, row in view["guppy"].items() if name.startswith("dict "))
            self.assertLessEqual(owned, view["pyheap"]["dict"][0])
            self.assertGreaterEqual(view["guppy"]["dict (no owner)"][0], 200)
        print("%s %s: the rules of heapy, Meliae and PyHeap hold" % (entry["label"], variant))

    def test_the_views_of_tools_that_are_not_at_hand_follow_their_rules(self):
        interpreters.for_each(self, lambda entry: self.check_rules(entry, "plain"))
        interpreters.for_each(self, lambda entry: self.check_rules(entry, "frozen"))


if __name__ == "__main__":
    unittest.main()
