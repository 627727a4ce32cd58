"""Retained sizes of real heaps: ours against memlab's, which loads the exported .heapsnapshot and works out dominators
by itself. Node by node, all of them."""

import os
import shutil
import subprocess
import tempfile
import unittest

import interpreters
from interpreters import COREHEAP

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDER = os.path.join(os.path.dirname(interpreters.INTERPRETERS), "npm")
PACKAGES = ["@memlab/core@2.0.5", "@memlab/heap-analysis@2.0.5"]


def fetched():
    """Has memlab from the npm registry, once; the reason when it cannot be had."""
    if not shutil.which("npm") or not shutil.which("node"):
        return "no npm here"
    if os.path.isdir(os.path.join(FOLDER, "node_modules", "@memlab", "heap-analysis")):
        return ""
    building = FOLDER + ".building"
    shutil.rmtree(building, ignore_errors=True)
    os.makedirs(building)
    done = subprocess.run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", building, *PACKAGES],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)
    if done.returncode:
        return "npm cannot fetch memlab: " + done.stdout.decode()[-300:].strip()
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.rename(building, FOLDER)
    return ""


def ask(pid, *words):
    done = subprocess.run([COREHEAP, str(pid), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


class Memlab(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        reason = fetched()
        if reason:
            raise unittest.SkipTest(reason)

    def compare(self, entry):
        if entry["version"].startswith("2."):
            print("%s: skipped: the target is for Python 3" % entry["label"])
            return
        folder = interpreters.Folder(entry, [os.path.join(HERE, "tools_target.py")])
        outside = tempfile.mkdtemp(prefix="memlab-")
        try:
            os.mkdir(os.path.join(folder.outside, "modules"))
            process = folder.start(["tools_target.py", "modules", "plain"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                while process.stdout.readline() != b"ready\n":
                    pass
                snapshot, sizes = os.path.join(outside, "x.heapsnapshot"), os.path.join(outside, "sizes")
                ask(process.pid, "export", "--heapsnapshot", "-o", snapshot)
                roots = int(ask(process.pid, "select", "from roots | count", "--format", "csv").split()[1])
                ours = [int(line) for line in ask(process.pid, "select", "from rows where depth >= 0 | show retained",
                                                  "--format", "csv", "--limit", "all").split()[1:]]
            finally:
                process.kill()
                process.wait()
                process.stdin.close()
                process.stdout.close()
            subprocess.run(["node", os.path.join(HERE, "retained_sizes.js"), FOLDER, snapshot, sizes], check=True, timeout=300,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with open(sizes) as lines:
                theirs = [int(line) for line in lines]
        finally:
            shutil.rmtree(outside)
            folder.close()
        self.assertEqual(len(theirs), 1 + roots + len(ours))
        different = [(i, ours[i], theirs[1 + roots + i]) for i in range(len(ours)) if ours[i] != theirs[1 + roots + i]]
        self.assertEqual(different[:10], [])
        print("%s: retained sizes of %d nodes are memlab's" % (entry["label"], len(ours)))

    def test_retained_sizes_are_those_that_memlab_works_out(self):
        interpreters.for_each(self, self.compare)


if __name__ == "__main__":
    unittest.main()
