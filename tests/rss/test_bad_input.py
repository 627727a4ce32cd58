"""Input that is not as it should be gets one clear line, and the rest of the report."""

import os
import shutil
import struct
import subprocess
import tempfile
import unittest

from interpreters import COREHEAP
from test_causes import Target

PT_NOTE, PT_NULL = 4, 0


def ask(*words):
    return subprocess.run([COREHEAP, *map(str, words)], capture_output=True, text=True)


def without_notes(path):
    """Marks the note segments of a core as unused."""
    with open(path, "r+b") as core:
        header = core.read(64)
        offset, size, count = struct.unpack_from("<Q", header, 32)[0], *struct.unpack_from("<HH", header, 54)
        for i in range(count):
            core.seek(offset + i * size)
            if struct.unpack("<I", core.read(4))[0] == PT_NOTE:
                core.seek(offset + i * size)
                core.write(struct.pack("<I", PT_NULL))


class BadInput(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def test_a_process_that_is_gone_is_one_line(self):
        with Target("object_leak=1") as target:
            pid = target.process.pid
        for words in (["rss"], ["fragmentation"], ["map"], ["rss", "--record", os.path.join(self.folder.name, "a"), "--for", "1"]):
            out = ask(pid, *words)
            self.assertEqual(out.returncode, 1, out)
            self.assertEqual(out.stdout, "")
            self.assertLessEqual(len(out.stderr.splitlines()), 2)
            self.assertIn(str(pid), out.stderr)

    def test_a_core_without_notes_is_said_to_have_none_and_is_read(self):
        if not shutil.which("gdb"):
            self.skipTest("gdb is not installed")
        path = os.path.join(self.folder.name, "core")
        with Target("object_leak=5") as target:
            subprocess.run(["gdb", "-nx", "-batch", "-p", str(target.process.pid), "-ex", "gcore " + path], stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
        if not os.path.exists(path):
            self.skipTest("gdb made no core")
        before = ask(path, "rss")
        self.assertEqual(before.returncode, 0, before.stderr)
        self.assertIn("is lost", before.stdout)
        without_notes(path)
        after = ask(path, "rss")
        self.assertIn(after.returncode, (0, 3), after.stderr)
        self.assertEqual(after.stderr, "")
        self.assertIn("TOTAL", after.stdout)
        self.assertIn("(no notes in the core)", after.stdout)
        self.assertIn("no notes in the core: threads, mapped files", ask(path, "info").stdout)
        self.assertIn(ask(path).returncode, (0, 3))

    def test_a_picture_is_only_drawn_where_there_is_one(self):
        with Target("object_leak=5") as target:
            out = ask(target.process.pid, "types", "-o", os.path.join(self.folder.name, "types.svg"))
            self.assertEqual(out.returncode, 2, out)
            self.assertIn("draws no picture", out.stderr)
            out = ask(target.process.pid, "map", "-o", os.path.join(self.folder.name, "map.svg"))
        self.assertEqual(out.returncode, 0, out.stderr)
        with open(os.path.join(self.folder.name, "map.svg")) as file:
            picture = file.read()
        self.assertTrue(picture.startswith("<svg ") and picture.endswith("</svg>\n"), picture[:80])
        self.assertGreater(picture.count("<rect"), 100)

    def test_places_that_are_none_are_named(self):
        with Target("object_leak=5") as target:
            pid = target.process.pid
            self.assertIn("neither one of glibc's", ask(pid, "map", "--arena", "77").stderr)
            self.assertIn("no pool in use is there", ask(pid, "map", "--pool", "0x1000").stderr)
            self.assertIn("a power of two", ask(pid, "map", "--cell", "5000").stderr)


if __name__ == "__main__":
    unittest.main()
