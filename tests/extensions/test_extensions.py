"""Arrays of numpy 1.19, 1.24 and 2.2: name, size, items, base, references and blocks of each equal what numpy says."""

import collections
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


def roots():
    path = os.path.join(interpreters.INTERPRETERS, "extensions.json")
    if not os.path.exists(path):
        raise unittest.SkipTest("no %s; run tests/interpreters/fetch --extensions" % path)
    if os.geteuid() != 0:
        raise unittest.SkipTest("chroot needs root")
    with open(path) as rows:
        rows = json.load(rows)
    for row in rows:
        if row.get("skipped"):
            print("%s-extensions: skipped: %s" % (row["label"], row["reason"]))
    found = [row for row in rows if not row.get("skipped")]
    if not found:
        raise unittest.SkipTest("no root with extensions could be had")
    return found


class Target:
    def __init__(self, row, preload=None):
        self.row = row
        self.environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/tmp"}
        self.files = []
        if preload:
            self.environment["LD_PRELOAD"] = "/tmp/" + os.path.basename(preload)
            self.files.append(os.path.join(row["root"], "tmp", os.path.basename(preload)))
            shutil.copy(preload, self.files[0])
        self.script = os.path.join(row["root"], "tmp", "extensions_target.py")
        self.files.append(self.script)
        shutil.copy(os.path.join(HERE, "target.py"), self.script)

    def __enter__(self):
        def enter():
            os.chroot(self.row["root"])
            os.chdir("/")
        self.process = subprocess.Popen([self.row["exe"], "-s", "-B", "/tmp/extensions_target.py"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, preexec_fn=enter, env=self.environment)
        self.said = json.loads(self.process.stdout.readline())
        assert self.process.stdout.readline() == b"ready\n"
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        for path in self.files:
            os.unlink(path)

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
    def check(self, row, preload=None):
        with Target(row, preload) as target:
            arrays = {int(address): truth for address, truth in target.said["numpy"]["arrays"].items()}
            found = {int(one["object"], 16): one
                     for one in target.rows("select", "isa(\"numpy.ndarray\") | show object, type, shallow, repr", "--limit", "all")}
            # Of another allocator no block is known.
            owned = {address: [] if preload else truth["blocks"] for address, truth in arrays.items()}
            held, blocks = collections.defaultdict(list), collections.defaultdict(list)
            for one in target.rows("export", "--references"):
                # (A handler of memory is a capsule that Python is not shown.)
                if int(one["holder"], 16) in arrays and one["name"] not in ("._mem_handler", ".__class__", ".__dict__"):
                    held[int(one["holder"], 16)].append(int(one["target"], 16))
            for one in target.rows("export", "--columns", "address,owner,kind"):
                if one["owner"] and int(one["owner"], 16) in arrays and one["kind"] == "array items":
                    blocks[int(one["owner"], 16)].append(int(one["address"], 16))
        differences = []
        for address, truth in sorted(arrays.items()):
            one = found.get(address)
            if one is None:
                differences.append("%#x: not found: %s" % (address, truth))
                continue
            references = [truth["descr"], *([truth["base"]] if truth["base"] else []), *truth["held"]]
            for what, ours, theirs in (("type", one["type"], truth["type"]), ("shallow", int(one["shallow"]), truth["sizeof"]),
                                       ("value", one["repr"], value_text(address, truth)),
                                       ("references", sorted(held[address]), sorted(references)),
                                       ("blocks", sorted(blocks[address]), sorted(owned[address]))):
                if ours != theirs:
                    differences.append("%#x %s: %s, numpy says %s of %s" % (address, what, ours, theirs, one["repr"]))
        self.assertEqual(differences, [])
        self.assertGreaterEqual(len(arrays), 100)
        self.assertGreaterEqual(sum(len(truth["held"]) for truth in arrays.values()), 300)
        print("%s: numpy %s: %d arrays agree, with %d references and %d blocks" % (
            row["label"], target.said["numpy"]["version"], len(arrays), sum(map(len, held.values())), sum(map(len, blocks.values()))))

    def test_every_array_is_named_measured_and_followed_as_numpy_says(self):
        for row in roots():
            with self.subTest(row["label"]):
                self.check(row)

    def test_they_are_the_same_where_another_allocator_holds_the_types(self):
        preload = next(iter(glob.glob("/usr/lib/*/libjemalloc.so.2")), None)
        row = next((row for row in roots() if row["label"] == "bookworm"), None)
        if preload is None or row is None:
            raise unittest.SkipTest("no libjemalloc.so.2, or no bookworm-extensions, whose C library is not too old for it")
        self.check(row, preload)


if __name__ == "__main__":
    unittest.main()
