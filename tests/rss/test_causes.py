"""The verdict, its reasons and its cures on processes of which the cause is known, alone and mixed."""

import json
import os
import subprocess
import sys
import unittest

from interpreters import COREHEAP, HERE

PYTHON = os.environ.get("COREHEAP_PYTHON") or sys.executable


class Target:
    def __init__(self, *words):
        self.words = words

    def __enter__(self):
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "PYTHON", "GLIBC_"))}
        self.process = subprocess.Popen([PYTHON, os.path.join(HERE, "causes.py"), *self.words], stdout=subprocess.PIPE,
                                        env=environment)
        line = self.process.stdout.readline()
        assert line.startswith(b"ready"), line
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, *words):
        done = subprocess.run([COREHEAP, str(self.process.pid), *words, "--format", "json"], capture_output=True, text=True)
        assert done.returncode in (0, 3), done.stderr
        return json.loads(done.stdout)

    def text(self, *words):
        return subprocess.run([COREHEAP, str(self.process.pid), *words], capture_output=True, text=True).stdout


def section(report, name):
    for one in report["sections"]:
        if one["name"] == name:
            return one.get("rows", one.get("values"))
    return []


class Answer:
    """What the first screen and `fragmentation` say of a target."""

    def __init__(self, target):
        first = target.ask("heap")
        self.causes = [row["cause"] for row in section(first, "verdict")]
        self.headlines = [row["headline"] for row in section(first, "verdict")]
        self.strengths = [row["strength"] for row in section(first, "verdict")]
        self.sum = sum(row["bytes"] for row in first["rows"])
        self.total = first["totals"]["bytes"]
        report = target.ask("fragmentation")
        self.reasons = [row["reason"] for row in section(report, "reasons")]
        self.cures = {row["cure"]: row for row in section(report, "cures")}
        self.text = target.text("heap")

    def __repr__(self):
        return "%s %s, reasons %s, cures %s\n%s" % (self.causes, self.headlines, self.reasons,
                                                    {name: row["bytes"] >> 20 for name, row in self.cures.items()}, self.text)


MIB = 1 << 20


class Causes(unittest.TestCase):
    def answer(self, *words):
        with Target(*words) as target:
            answer = Answer(target)
        print("%s: %s; reasons %s; cures %s" % (" ".join(words), ", ".join("%s [%s]" % pair for pair in zip(answer.causes, answer.strengths)),
                                              answer.reasons, {name: "%d MiB" % (row["bytes"] >> 20) for name, row in answer.cures.items()}))
        self.assertEqual(answer.sum, answer.total)
        lines = answer.text.splitlines()
        self.assertLessEqual(len(lines), 40, answer)
        self.assertLessEqual(max(map(len, lines)), 80, answer)
        return answer

    def test_reachable_objects_are_live_data(self):
        answer = self.answer("object_leak")
        self.assertEqual(answer.causes, ["live"], answer)
        self.assertEqual(answer.strengths, ["strong"])
        self.assertEqual(answer.cures, {})

    def test_blocks_of_c_code_are_native(self):
        answer = self.answer("native_leak")
        self.assertEqual(answer.causes, ["native"], answer)
        self.assertEqual(answer.headlines, ["native memory: C/C++ code, not Python objects"])

    def test_native_memory_that_objects_hold_is_a_line_where_references_are_followed(self):
        # A ctypes array of pointers is all that holds the blocks; the sum and every other line stay.
        with Target("native_leak=40") as target:
            before, after = ({row["code"]: row["bytes"] for row in target.ask(*words)["rows"]} for words in (["rss"], ["rss", "--owners"]))
            holders = target.ask("native")["rows"]
        print("native.owned %d MiB, native.other %d MiB" % (after["native.owned"] / MIB, after["native.other"] / MIB))
        self.assertEqual(before["native.owned"], 0)
        self.assertGreaterEqual(after["native.owned"], 39 * MIB)
        self.assertLess(after["native.other"], 2 * MIB)
        self.assertEqual(after["native.owned"] + after["native.other"], before["native.other"])
        # (Clean pages of files come and go between two stops.)
        rest = set(before) - {"native.owned", "native.other", "files.clean"}
        self.assertEqual({code: after[code] for code in rest}, {code: before[code] for code in rest})
        # The same blocks as `native` counts for objects, there with their headers, resident or not.
        self.assertGreaterEqual(sum(row["bytes"] for row in holders if not row["holder"].startswith("(")), after["native.owned"])

    def test_the_pages_of_a_database_are_its_connections(self):
        # No word is the address of a page: SQLite's lists run through the heads at their ends.
        with Target("database=40") as target:
            holders = {row["holder"]: row["bytes"] for row in target.ask("native")["rows"]}
            orphans = target.ask("orphans")
        print("sqlite3.Connection %.1f MiB of %.1f MiB" % (holders["sqlite3.Connection"] / MIB, sum(holders.values()) / MIB))
        self.assertGreaterEqual(holders["sqlite3.Connection"], 38 * MIB)
        facts = section(orphans, "summary")
        self.assertLess(facts["orphan_bytes"], MIB)
        self.assertGreaterEqual(facts["held_by_middle_bytes"], 38 * MIB)

    def test_the_first_screen_says_whose_native_memory_it_is(self):
        with Target("database=60") as target:
            quick, whole = target.ask("heap", "--quick"), target.ask("heap")
        parts = [{row["code"]: row["bytes"] for row in report["rows"]} for report in (quick, whole)]
        self.assertEqual(parts[0]["native.owned"], 0)
        self.assertGreaterEqual(parts[1]["native.owned"], 58 * MIB)
        self.assertEqual(parts[0]["native.other"], parts[1]["native.owned"] + parts[1]["native.other"])
        self.assertEqual([row["cause"] for row in section(whole, "verdict")], ["native"])
        first = section(whole, "native")[0]
        self.assertEqual((first["holder"], first["holders"]), ("sqlite3.Connection", 1))
        # A page of 4 KiB and its head.
        self.assertGreater(first["top_size"], 4096)
        self.assertGreater(first["top_size"] * first["top_blocks"], 0.9 * first["bytes"])

    def test_a_few_objects_keep_the_arenas_of_pymalloc(self):
        answer = self.answer("pymalloc_fragmentation")
        self.assertEqual(answer.causes, ["free"], answer)
        self.assertEqual(answer.headlines, ["memory freed by the program but kept by pymalloc"])
        self.assertEqual(answer.reasons, ["pymalloc_pinned"])
        self.assertIn("python_malloc", answer.cures)

    def test_holes_between_blocks_in_use_are_pinned(self):
        answer = self.answer("glibc_fragmentation=200")
        self.assertEqual(sorted(answer.causes), ["free", "native"], answer)
        self.assertEqual(answer.reasons[0], "pinned", answer)
        self.assertNotIn("not_trimmed", answer.reasons)

    def test_free_memory_of_many_arenas_is_laid_to_the_arenas(self):
        answer = self.answer("many_arenas")
        self.assertEqual(answer.causes[0], "free", answer)
        self.assertIn("arenas", answer.reasons, answer)
        self.assertIn("arena_max", answer.cures)
        self.assertGreater(answer.cures["arena_max"]["bytes"], 40 * MIB)

    def test_a_grown_mmap_threshold_is_named_with_its_cure(self):
        answer = self.answer("grown_threshold")
        self.assertEqual(answer.causes, ["free"], answer)
        self.assertIn("mmap_threshold", answer.reasons)
        self.assertIn("mmap_threshold", answer.cures)
        # 1 MiB blocks have whole pages between them, so a trim returns nearly all.
        self.assertGreater(answer.cures["malloc_trim"]["bytes"], 110 * MIB)

    def test_memory_below_the_last_block_waits_for_a_trim(self):
        answer = self.answer("not_trimmed")
        self.assertEqual(answer.causes, ["free"], answer)
        self.assertEqual(answer.headlines, ["memory freed by the program but kept by glibc"])
        self.assertEqual(answer.reasons[0], "not_trimmed")
        self.assertGreater(answer.cures["malloc_trim"]["bytes"], 110 * MIB)
        self.assertEqual(answer.cures["malloc_trim"]["basis"], "computed")

    def test_anonymous_mappings_are_told_from_blocks(self):
        answer = self.answer("big_mmaps")
        self.assertEqual(answer.causes, ["native"], answer)
        self.assertEqual(answer.headlines, ["anonymous mappings that no known allocator owns"])

    def test_shared_memory_is_no_heap(self):
        answer = self.answer("shared_memory")
        self.assertEqual(answer.causes, ["files"], answer)
        self.assertEqual(answer.headlines, ["shared memory, not the heap"])

    def test_mapped_files_are_no_heap(self):
        answer = self.answer("file_cache")
        self.assertEqual(answer.causes, ["files"], answer)
        self.assertEqual(answer.headlines, ["mapped files, not the heap"])

    def test_garbage_counts_as_objects(self):
        # Which of them nobody reaches is the reference graph's to say, which comes behind the verdict.
        answer = self.answer("garbage")
        self.assertEqual(answer.causes, ["live"], answer)
        self.assertIn("gc.collect() would free it", answer.text)
        self.assertRegex(answer.text, r"NEXT +coreheap \d+ garbage")

    def test_little_garbage_is_no_cure(self):
        self.assertNotIn("gc.collect()", self.answer("object_leak").text)

    def test_two_causes_are_two_lines(self):
        answer = self.answer("object_leak=120", "native_leak=100")
        self.assertEqual(sorted(answer.causes), ["live", "native"], answer)

    def test_a_leak_beside_freed_memory_is_two_lines(self):
        answer = self.answer("object_leak=120", "not_trimmed=100")
        self.assertEqual(sorted(answer.causes), ["free", "live"], answer)
        self.assertEqual(answer.reasons[0], "not_trimmed")

    def test_four_equal_causes_are_not_clear(self):
        answer = self.answer("object_leak=60", "native_leak=60", "not_trimmed=60", "file_cache=50")
        self.assertEqual(answer.causes, ["not_clear"], answer)
        self.assertIn("no cause explains a third", answer.text)


if __name__ == "__main__":
    unittest.main()
