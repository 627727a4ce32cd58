#!/usr/bin/env python3
"""A comparison is left out only where it would look at just what it looked at before: every way to differ is tried."""

import os
import sys
import tempfile
import types
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import reading as readings  # noqa: E402
import seen  # noqa: E402

ROWS, RANGES = "export --format csv", "export --ranges --format csv"


def numbers(path):
    with open(path, encoding="utf-8") as lines:
        return [int(line) for line in lines]


class Outputs:
    """In coreheap's place: what each command says."""

    def __init__(self, texts):
        self.texts = texts

    def __call__(self, words, out):
        command = " ".join(words)
        if self.texts.get(command) is None:
            raise RuntimeError("no " + command)
        with open(out, "w", encoding="utf-8") as stream:
            stream.write(self.texts[command])


class Selftest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder, self.seen = folder.name, seen.Seen()
        self.kept = readings.Reading._execute, readings.load_rows, readings.load_ranges
        self.addCleanup(self.restore)
        readings.load_rows = lambda path: [{"state": "used", "object": number} for number in numbers(path)]
        readings.load_ranges = lambda path: [{"begin": 0, "end": number, "kind": "file"} for number in numbers(path)]

    def restore(self):
        readings.Reading._execute, readings.load_rows, readings.load_ranges = self.kept

    def read(self, compare, target="core", extra=(), smaps=None, **texts):
        """Whether `compare` was made on a reading in which commands say these texts."""
        readings.Reading._execute = Outputs({ROWS: "1\n2\n", RANGES: "10", **texts})
        entry = {"version": "3.11.2", "glibc": "2.36"}
        counted = types.SimpleNamespace(smaps=smaps)
        reading = readings.Reading(None, entry, None, None, counted, target, list(extra), self.folder, None, self.seen)
        comparison = readings.Comparison("")
        made = []

        def noted(comparison, reading):
            made.append(1)
            compare(comparison, reading)
        comparison.run("it", noted, reading)
        self.last = comparison
        return bool(made)

    def test_the_same_bytes_are_compared_once_and_count_twice(self):
        def compare(comparison, reading):
            comparison.compared(len(reading.rows) + len(reading.objects))
            comparison.note("fine")
        self.assertTrue(self.read(compare))
        self.assertFalse(self.read(compare, target="another core", extra=["--no-symbols"]))
        self.assertEqual((self.last.amounts, self.last.notes, self.last.same), ({"it": 4}, ["fine"], ["it"]))

    def test_a_row_that_differs_is_compared(self):
        def compare(_, reading):
            return reading.objects
        self.assertTrue(self.read(compare))
        self.assertTrue(self.read(compare, **{ROWS: "1\n3\n"}))
        self.assertFalse(self.read(compare))                           # each of the two was compared
        self.assertFalse(self.read(compare, **{ROWS: "1\n3\n"}))

    def test_what_is_not_looked_at_may_differ(self):
        def compare(_, reading):
            return reading.rows
        self.assertTrue(self.read(compare, gc="a"))
        self.assertFalse(self.read(compare, gc="b", **{RANGES: "20"}))

    def test_any_look_that_differs_is_enough(self):
        def ranges(end):
            return {RANGES: end}
        whole, part = {"gc": '{"target": "a", "rows": [1], "more": 1}'}, {"gc": '{"target": "b", "rows": [1], "more": 2}'}
        for look, first, same, other in (
                (lambda r: r.ranges, {}, {"gc": "x"}, ranges("20")),
                (lambda r: r.kind_at(15), {}, ranges("12"), ranges("20")),
                (lambda r: r.range_bytes("file"), {}, {}, ranges("20")),
                (lambda r: r.live, {}, {"target": "other"}, {"target": "123"}),
                (lambda r: r.by_gcore, {}, {"target": "other"}, {"target": "in/gcore.core"}),
                (lambda r: r.moved, {}, {"extra": ["--no-symbols"]}, {"extra": ["--sysroot", "/nonexistent"]}),
                (lambda r: r.counted.smaps, {"smaps": {4096: 1}}, {"smaps": {4096: 1}}, {"smaps": {4096: 2}}),
                (lambda r: r.arguments, {}, {}, {"extra": ["--no-symbols"]}),
                (lambda r: r.run(["gc"], "gc.txt"), {"gc": "a"}, {"gc": "a"}, {"gc": "b"}),
                (lambda r: r.report(["gc"], "gc.json"), whole, dict(whole, target="other"), part),
                (lambda r: r.report(["gc"], "gc.json", lambda report: report["rows"]), whole, part, {"gc": '{"rows": [2]}'})):
            self.seen = seen.Seen()

            def compare(_, reading, look=look):
                return reading.rows, look(reading)
            self.assertTrue(self.read(compare, **first))
            self.assertFalse(self.read(compare, **same))
            self.assertTrue(self.read(compare, **other))

    def test_two_parts_of_one_output_are_two_looks(self):
        def compare(_, reading):
            return [reading.report(["gc"], "gc.json", lambda report, name=name: report[name]) for name in ("a", "b")]
        self.assertTrue(self.read(compare, gc='{"a": 1, "b": 2}'))
        self.assertTrue(self.read(compare, gc='{"a": 0, "b": 2}'))

    def test_one_that_found_a_difference_is_made_again(self):
        def compare(comparison, reading):
            comparison.problem("rows", reading.rows)
        self.read(compare)
        self.assertTrue(self.read(compare))
        self.assertTrue(self.last.problems)

    def test_one_that_broke_is_made_again(self):
        def compare(_, reading):
            raise KeyError(len(reading.rows))
        self.read(compare)
        self.assertTrue(self.read(compare))
        self.assertTrue(self.last.problems)

    def test_a_command_that_fails_now_is_a_difference(self):
        def compare(_, reading):
            return reading.run(["gc"], "gc.txt")
        self.assertTrue(self.read(compare, gc="a"))
        self.assertTrue(self.read(compare))
        self.assertTrue(self.last.problems)

    def test_outputs_of_one_name_do_not_stand_for_each_other(self):
        def compare(comparison, reading):
            said = []
            for words in (["gc"], ["rss"], ["gc"]):
                with open(reading.run(words, "same.txt"), encoding="utf-8") as stream:
                    said.append(stream.read())
            comparison.problem("said", [] if said == ["a", "b", "a"] else said)
        self.assertTrue(self.read(compare, gc="a", rss="b"))
        self.assertEqual(self.last.problems, [])
        self.assertFalse(self.read(compare, gc="a", rss="b"))
        self.assertTrue(self.read(compare, gc="a", rss="c"))


if __name__ == "__main__":
    unittest.main()
