"""Compares pymalloc's own statistics with what is read from a core of the same moment.

interpreters_test.py COUNTS_OF_CORE runs every interpreter of pyenv. The targets print
sys._debugmallocstats() and abort with no allocation in between, so that pools and live blocks of every
size class must agree exactly. 2.7 has no such statistics: there, as everywhere, two runs that differ in
N objects of one class must differ by N blocks of it.
"""

import glob
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import unittest

COUNTS = None

BUSY = r"""
import sys, os, random
random.seed(1)
keep = []
for i in range(60000):
    keep.append([b"", "x" * (i % 400), float(i), {i: i}, (i, i), object()][i % 6])
random.shuffle(keep)
for i in range(0, len(keep), 3):
    keep[i] = None
class Node(object):
    pass
nodes = [Node() for i in range(3000)]
for n in nodes:
    n.a = 1.5
del nodes[::2]
"""

# The names are looked up before, so that nothing is allocated between the statistics and the end.
STATS = r"""
def stop(stats, end):
    stats()
    end()
stop(sys._debugmallocstats, os.abort)
"""

COUNTED = r"""
import os
N = %d
keep = [object() if i < N else None for i in range(40000)]
os.abort()
"""

SUBINTERPRETER = r"""
import sys, os
N = %d
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
run = getattr(interpreters, "exec", None) or interpreters.run_string
sub = interpreters.create()
run(sub, "keep = [object() if i < " + str(N) + " else None for i in range(40000)]")
os.abort()
"""


def interpreters():
    root = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    return sorted(glob.glob(os.path.join(root, "versions", "*", "bin", "python")))


def version_of(python):
    code = "import sys; print('%d %d' % sys.version_info[:2])"
    return tuple(int(n) for n in subprocess.check_output([python, "-c", code]).split())


class Core:
    """What a target said on stderr, and what its core says."""

    def __init__(self, python, script, **environment):
        with tempfile.TemporaryDirectory() as folder:
            result = subprocess.run(
                [python, "-c", script],
                cwd=folder,
                env=dict(os.environ, PYTHONHASHSEED="0", **environment),
                stderr=subprocess.PIPE,
                preexec_fn=lambda: resource.setrlimit(
                    resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2
                ),
            )
            self.stats = result.stderr.decode()
            cores = glob.glob(os.path.join(folder, "core*"))
            if not cores:
                raise unittest.SkipTest("the kernel writes no core here: " + self.stats[-500:])
            self.counts = self.read(cores[0])
            self.without_files = self.read(cores[0], "--no-files")

    @staticmethod
    def read(core, *options):
        return json.loads(subprocess.check_output([COUNTS, core, *options]))

    def classes(self):
        return {int(size): tuple(both) for size, both in self.counts["classes"].items()}


def stats_classes(text):
    table = text[text.index("class   size") :]
    classes = {}
    for line in table.splitlines()[2:]:
        numbers = line.split()
        if len(numbers) != 5:
            break
        _, size, pools, used, _ = (int(n) for n in numbers)
        if pools:
            classes[size] = (pools, used)
    return classes


def number(pattern, text):
    return int(re.search(pattern, text).group(1).replace(",", ""))


class Interpreters(unittest.TestCase):
    def each(self, check, minimum=(2, 7)):
        chosen = [(p, v) for p in interpreters() for v in [version_of(p)] if v >= minimum]
        if not chosen:
            self.skipTest("no interpreter from %d.%d on in pyenv" % minimum)
        for python, version in chosen:
            with self.subTest(python=python):
                check(python, version)

    def assert_clean(self, core):
        self.assertEqual(core.counts["findings"], [])
        self.assertEqual(core.counts["unsound"], 0)
        same = {k: v for k, v in core.without_files.items() if k not in ("evidence", "seconds")}
        self.assertEqual(same, {k: core.counts[k] for k in same})

    def test_every_size_class_agrees_with_debugmallocstats(self):
        def check(python, version):
            core = Core(python, BUSY + STATS)
            self.assert_clean(core)
            expected = stats_classes(core.stats)
            self.assertEqual(core.classes(), expected)
            arenas = len(core.counts["arenas"])
            current = number(r"# arenas allocated current\s*=\s*([\d,]+)", core.stats)
            self.assertEqual(arenas, current)
            print(
                "%d.%d: %d arenas, %d pools, %d live blocks in %d classes, all equal"
                % (
                    *version,
                    arenas,
                    core.counts["pools"],
                    core.counts["live_blocks"],
                    len(expected),
                )
            )

        self.each(check, minimum=(3, 3))

    def test_debug_hooks_change_nothing_for_pools(self):
        # 3.6 puts its hooks over malloc: no pools.
        def check(python, version):
            core = Core(python, BUSY + STATS, PYTHONMALLOC="pymalloc_debug")
            self.assert_clean(core)
            self.assertEqual(core.classes(), stats_classes(core.stats))

        self.each(check, minimum=(3, 7))

    def test_no_pool_is_found_when_malloc_does_it_all(self):
        def check(python, _):
            core = Core(python, BUSY + "os.abort()", PYTHONMALLOC="malloc")
            self.assertEqual(core.counts["arenas"], [])
            self.assertEqual(core.counts["live_blocks"], 0)

        self.each(check, minimum=(3, 6))

    def test_n_objects_more_are_n_blocks_more(self):
        def check(python, version):
            few, many = (Core(python, COUNTED % n) for n in (1000, 31000))
            self.assert_clean(few)
            self.assert_clean(many)
            self.assertEqual(many.classes()[16][1] - few.classes()[16][1], 30000)

        self.each(check)

    def test_an_isolated_subinterpreter_has_its_own_array(self):
        def check(python, version):
            few, many = (Core(python, SUBINTERPRETER % n) for n in (1000, 31000))
            for core in (few, many):
                self.assert_clean(core)
                self.assertEqual(core.counts["arrays"], 2, core.counts["evidence"])
            by_array = [
                sum(arena["live"] for arena in core.counts["arenas"] if arena["array"] == 1)
                for core in (few, many)
            ]
            # The list itself is too large for pymalloc; small change is the compiler's.
            self.assertGreater(by_array[1] - by_array[0], 29900)
            self.assertEqual(many.classes()[16][1] - few.classes()[16][1], 30000)
            print("%d.%d: subinterpreter with %d and %d live blocks" % (*version, *by_array))

        self.each(check, minimum=(3, 12))


if __name__ == "__main__":
    COUNTS = os.path.abspath(sys.argv.pop(1))
    unittest.main()
