"""The interpreters that tests/interpreters/fetch brought, and running a script by one of them in its own root."""

import glob
import json
import os
import shutil
import subprocess
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
COREHEAP = os.environ.get("COREHEAP", os.path.join(ROOT, "build", "test", "bin", "coreheap"))
INTERPRETERS = os.environ.get("COREHEAP_INTERPRETERS", os.path.join(ROOT, "build", "interpreters"))
LABELS = os.environ.get("COREHEAP_LABELS", "")


def entries():
    """Rows of the manifest, one a glibc and Python version; skipped ones are printed with their reason."""
    path = os.path.join(INTERPRETERS, "manifest.json")
    if not os.path.exists(path):
        raise unittest.SkipTest("no %s; run tests/interpreters/fetch" % path)
    with open(path) as manifest:
        rows = [row for row in json.load(manifest) if row.get("kind") != "gdb"]
    wanted = LABELS.split(",") if LABELS else None
    for row in rows:
        if wanted and row["label"] not in wanted:
            continue
        if row.get("skipped"):
            print("%s: skipped: %s" % (row["label"], row["reason"]))
        elif row["root"] and os.geteuid() != 0:
            print("%s: skipped: chroot needs root" % row["label"])
        else:
            yield row


def for_each(test, check):
    """Runs check(entry) for every interpreter, as a subtest each; none at hand is a skip."""
    count = 0
    for entry in entries():
        with test.subTest(entry["label"]):
            check(entry)
            count += 1
    if count == 0:
        raise unittest.SkipTest("no interpreter was checked")


class Folder:
    """A folder that the interpreter can see, with scripts of this one in it."""

    def __init__(self, entry, scripts):
        self.entry = entry
        root = entry["root"]
        self.outside = tempfile.mkdtemp(prefix="rss-", dir=os.path.join(root, "tmp") if root else None)
        self.inside = os.path.join("/", os.path.relpath(self.outside, root)) if root else self.outside
        for script in scripts:
            shutil.copy(os.path.join(HERE, script), self.outside)

    def start(self, words, environment=None, **options):
        root = self.entry["root"]

        def enter():
            if root:
                os.chroot(root)
            os.chdir(self.inside)
        env = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/tmp"}
        env.update(environment or {})
        return subprocess.Popen([self.entry["exe"], "-s", "-B", os.path.join(self.inside, words[0]), *words[1:]], preexec_fn=enter,
                                env=env, **options)

    def close(self):
        shutil.rmtree(self.outside, ignore_errors=True)
