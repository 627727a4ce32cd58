"""Arrays of numpy 1.19, 1.24 and 2.2: what coreheap says of each equals what numpy says, whole sets compared."""

import csv
import io
import json
import os
import shutil
import subprocess
import unittest

import interpreters
from interpreters import COREHEAP

HERE = os.path.dirname(os.path.abspath(__file__))


def roots():
    path = os.path.join(interpreters.INTERPRETERS, "manifest.json")
    if not os.path.exists(path):
        raise unittest.SkipTest("no %s; run tests/interpreters/fetch --extensions" % path)
    with open(path) as manifest:
        rows = json.load(manifest)
    for row in rows:
        if row["label"].endswith("-extensions") and row.get("skipped"):
            print("%s: skipped: %s" % (row["label"], row["reason"]))
    found = [row for row in rows if row.get("kind") == "extensions"]
    if not found:
        raise unittest.SkipTest("no <suite>-extensions was fetched")
    if os.geteuid() != 0:
        raise unittest.SkipTest("chroot needs root")
    return found


class Target:
    def __init__(self, row):
        self.row = row
        self.script = os.path.join(row["root"], "tmp", "extensions_target.py")
        shutil.copy(os.path.join(HERE, "target.py"), self.script)

    def __enter__(self):
        def enter():
            os.chroot(self.row["root"])
            os.chdir("/")
        self.process = subprocess.Popen([self.row["exe"], "-s", "-B", "/tmp/extensions_target.py"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, preexec_fn=enter,
                                        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/tmp"})
        self.said = json.loads(self.process.stdout.readline())
        assert self.process.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        os.unlink(self.script)

    def run(self, *words):
        done = subprocess.run([COREHEAP, str(self.process.pid), *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
        assert done.returncode == 0, (words, done.stderr)
        return done.stdout.decode()

    def rows(self, *words):
        return list(csv.DictReader(io.StringIO(self.run(*words, "--format", "csv"))))


def item_text(truth):
    """How coreheap spells a dtype."""
    kind, size = truth["kind"], truth["itemsize"]
    if kind in "SV":
        return "%s%d" % (kind, size)
    if kind == "U":
        return truth["dtype"].lstrip("<=|")
    if truth["dtype"].startswith(">"):
        return truth["dtype"]
    return truth["name"]


def value_text(address, truth):
    shape = "x".join("%d" % n for n in truth["shape"])
    of = "" if truth["owns"] or not truth["base"] else " of %#x" % truth["base"]
    return "<%s object at %#x %s %s%s>" % (truth["type"], address, item_text(truth), shape or "scalar", of)


class Arrays(unittest.TestCase):
    def check(self, row):
        with Target(row) as target:
            numpy = target.said["numpy"]
            self.assertNotIsInstance(numpy, str, numpy)
            arrays = {int(address): truth for address, truth in numpy["arrays"].items()}
            found = {int(one["object"], 16): one
                     for one in target.rows("select", "isa(\"numpy.ndarray\") | show object, type, shallow, repr", "--limit", "all")}
            differences = []
            for address, truth in sorted(arrays.items()):
                one = found.get(address)
                if one is None:
                    differences.append("%#x: not found: %s" % (address, truth))
                    continue
                for what, ours, theirs in (("type", one["type"], truth["type"]), ("shallow", int(one["shallow"]), truth["sizeof"]),
                                           ("value", one["repr"], value_text(address, truth))):
                    if ours != theirs:
                        differences.append("%#x %s: %s, numpy says %s" % (address, what, ours, theirs))
            self.assertEqual(differences, [])
            self.assertGreaterEqual(len(arrays), 100)
            print("%s: numpy %s: %d arrays agree" % (row["label"], numpy["version"], len(arrays)))

    def test_every_array_is_named_and_measured_as_numpy_does(self):
        for row in roots():
            with self.subTest(row["label"]):
                self.check(row)


if __name__ == "__main__":
    unittest.main()
