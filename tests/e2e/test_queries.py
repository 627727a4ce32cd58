"""Queries of a real core: the same answer from GDB, from the program and from Python outside GDB; the
convenience functions; and the statements that are about real cores."""

import csv
import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

import harness
from harness import core, gdb

PROGRAM = os.path.join(harness.BUILD, "bin", "coreheap")
LIBRARY = os.path.join(harness.BUILD, "lib", "libcoreheap.so")
FOLDER = os.path.dirname(harness.PLUGIN)

NODES = 'type == "__main__.Node"'
QUERIES = (
    "%s | count" % NODES,
    '%s and .i >= 990 | show .i, .name, len(.name) | order by .i desc' % NODES,
    'isa("__main__.Node") and .name ~ "^node-7[0-9]$" | sum .i',
    "%s | group by type show count(), min(.i), max(.i), avg(.i)" % NODES,
    'let $some = %s and .i < 5; from $some | show .i | order by .i' % NODES,
    'from rows | group by state show count() | order by state',
    'type == "dict" and detail like "attributes of *Node" | count',
    '%s | group by holder show count(), retained()' % NODES,
    '%s and .i == 5 | path' % NODES,
    '%s | path by type' % NODES,
    '%s and .i < 9 | order by retained_count desc, .i | show .i, retained_count, retained, holder, thread' % NODES,
    'garbage | cycles | limit 5',
    'from frames | show name, label, retained | order by retained desc',
    'from refs | group by holder_type | limit 5',
)


def environment():
    return harness.environment(library=LIBRARY if os.path.exists(LIBRARY) else None)


def program(path, query, *options):
    done = subprocess.run([PROGRAM, path, "select", query, "--format", "csv", *options],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def rows(text):
    return list(csv.reader(io.StringIO(text)))


@unittest.skipUnless(os.path.exists(PROGRAM) and os.path.exists(LIBRARY), "the program is not built")
@harness.needs("gdb")
class RealCore(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.path, _ = core("queries")

    def test_the_answers_are_what_the_target_made(self):
        answers = [rows(program(self.path, query)[1])[1:] for query in QUERIES]
        self.assertEqual(answers[0], [["1000"]])
        self.assertEqual(answers[1], [[str(i), "node-%d" % i, "8"] for i in range(999, 989, -1)])
        self.assertEqual(answers[2], [[str(sum(range(70, 80))), "10"]])
        self.assertEqual(answers[3], [["__main__.Node", "1000", "0", "999", "499.5"]])
        self.assertEqual(answers[4], [[str(i)] for i in range(5)])
        self.assertEqual([row[0] for row in answers[5]], ["cached", "free", "used"])

    def test_gdb_and_the_program_say_the_same(self):
        for query in QUERIES:
            with self.subTest(query=query):
                ran = gdb("heap select --format csv " + query, args=["-c", self.path], env=environment())
                answer = program(self.path, query)[1]
                # In front of it GDB says what the core is.
                self.assertEqual(ran.out[-len(answer):], answer, ran)

    def test_words_of_the_graph_agree_with_the_commands_on_it(self):
        def ask(*words):
            done = subprocess.run([PROGRAM, self.path, *words, "--format", "csv"], stdout=subprocess.PIPE, timeout=120)
            self.assertEqual(done.returncode, 0, words)
            return list(csv.DictReader(io.StringIO(done.stdout.decode())))
        node = ask("select", "%s and .i == 5 | show object" % NODES)[0]["object"]
        same = ("step", "edge", "type", "address")
        path = [dict(row, address=row["addr"] or "") for row in ask("select", "from %s | path limit 1" % node)]
        self.assertEqual([[row[name] for name in same] for row in path],
                         [[row[name] for name in same] for row in ask("why", node)])
        freed = ask("select", "from %s | retained | where depth >= 0 | count" % node)[0]["count()"]
        self.assertEqual(ask("select", "from %s | show retained_count" % node)[0]["retained_count"], freed)
        # Whatever has a holder hangs below one of those that `leaks` and `dominators` tell apart.
        held = ask("select", "%s | group by holder show count()" % NODES)
        self.assertEqual(sum(int(row["count()"]) for row in held), 1000)
        # The three rings of two lists; an island of garbage may have several cycles.
        cycles = ask("select", "garbage | cycles")
        self.assertEqual([row["types"] for row in cycles if row["objects"] == "2"], ["2 list"] * 3)
        largest = [int(row["cycle"]) for row in ask("garbage", "--each") if int(row["cycle"]) > 0]
        self.assertEqual(max(int(row["objects"]) for row in cycles), max(largest))
        self.assertGreaterEqual(len(cycles), len(largest))

    def test_a_row_of_the_list_shown_last_is_taken_by_its_number(self):
        ran = gdb("heap dominators --format csv --columns number,address --limit 3", "heap why #2 --format csv", "heap why 2 --format csv",
                  "heap why 0", args=["-c", self.path], env=environment())
        shown = gdb("heap dominators --limit 3", "heap show #2", "heap x 2 8", args=["-c", self.path], env=environment()).out
        numbered, with_sign, plain = [rows(part.strip()) for part in ran.out[ran.out.index("number,address"):].split("path,")]
        address = dict(numbered)["2"]
        # The way ends at the object that the list names.
        self.assertEqual(with_sign[-1][5], address)
        self.assertEqual(plain, with_sign)
        self.assertRegex(shown, r"(?m)^  object +%s$" % address)
        self.assertRegex(shown, r"(?m)^%016x  " % int(address, 16))
        self.assertRegex(ran.err, "0: the last list has [0-9]+ numbered rows")

    def test_a_query_stands_where_a_set_does(self):
        def ask(*words):
            return subprocess.run([PROGRAM, self.path, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        few = "%s and .i < 10" % NODES
        freed = rows(ask("whatif", few, "--format", "csv").stdout.decode())
        by_query = rows(program(self.path, few + " | retained | where depth >= 0 and type is not none | group by type show count()",
                                "--limit", "all")[1])
        self.assertIn(["__main__.Node", "10"], by_query)
        self.assertEqual(sorted(row[:2] for row in freed[1:] if not row[0].startswith("native")), sorted(by_query[1:]))
        self.assertEqual(ask("retained", few, "--format", "csv").stdout.decode().split("\n")[1:], ["%s" % ",".join(row) for row in freed[1:]] + [""])
        ways = rows(ask("why", few, "--format", "csv").stdout.decode())
        self.assertEqual(ways[1][0], "10")
        node = rows(program(self.path, "%s and .i == 5 | show object" % NODES)[1])[1][0]
        blocked = ask("why", node, "--excluding", 'type == "list"')
        self.assertIn("No way from a root is left", blocked.stdout.decode())
        nothing = ask("why", "type='str' and size > 1T")
        self.assertEqual(nothing.returncode, 1)
        offered = shlex.split(re.search(r"try: (.*)  \(what there is\)", nothing.stderr.decode()).group(1))
        self.assertEqual(offered, ["select", "type='str' and size > 1T"])
        self.assertEqual(ask(*offered).returncode, 0)
        wrong = ask("whatif", few + " | group by type")
        self.assertEqual((wrong.returncode, wrong.stdout), (2, b""))
        self.assertIn(b"a set is of blocks or objects", wrong.stderr)
        ran = gdb("heap whatif --format csv '%s'" % few, args=["-c", self.path], env=environment())
        self.assertTrue(ran.out.replace("\r", "").endswith("\n".join(",".join(row) for row in freed) + "\n"), ran)

    def test_a_drawing_has_the_same_boxes_in_both_formats(self):
        node = rows(program(self.path, "%s and .i == 5 | show object" % NODES)[1])[1][0]
        with tempfile.TemporaryDirectory() as folder:
            for ending in ("svg", "dot"):
                path = os.path.join(folder, "drawing." + ending)
                subprocess.run([PROGRAM, self.path, "graph", node, "-o", path], check=True, timeout=120,
                               stdout=subprocess.DEVNULL)
            boxes = xml.etree.ElementTree.parse(os.path.join(folder, "drawing.svg")).getroot()
            with open(os.path.join(folder, "drawing.dot")) as file:
                text = file.read()
        self.assertEqual(len(boxes.findall("{*}rect")) - 1, len(re.findall(r"(?m)^  n\d+ \[", text)))   # one is the paper
        self.assertEqual(len(boxes.findall("{*}line")), len(re.findall(r"(?m)^  n\d+ -> n\d+ \[label", text)))
        self.assertIn("[5]", [one.text for one in boxes.findall("{*}text")])

    def test_a_wrong_query_is_wrong_in_both(self):
        status, out, err = program(self.path, "siez > 1K")
        self.assertEqual((status, out), (2, ""))
        ran = gdb("heap select siez > 1K", args=["-c", self.path], env=environment())
        # What GDB 16 itself has to say about the core of a newer kernel.
        said = re.sub(r"\n?warning: Unexpected size of section `\.reg-xstate.*\n", "", ran.err)
        self.assertEqual(said, err, ran)
        self.assertTrue(err.startswith("error[unknown-attribute]"), err)

    def test_a_gdb_without_the_library_hands_the_query_on_as_it_is(self):
        env = harness.environment(library=__file__, COREHEAP_PROGRAM=PROGRAM)
        ran = gdb('heap select --format csv %s and .name == "node-7" | show .i' % NODES, args=["-c", self.path], env=env)
        self.assertTrue(ran.out.endswith(".i\n7\n"), ran)

    def test_saved_rows_last_for_the_session(self):
        ran = gdb("heap select %s and .i < 7 | as $few" % NODES, "heap select --format csv from $few | count",
                  args=["-c", self.path], env=environment())
        self.assertTrue(ran.out.endswith("count()\n7\n"), ran)

    def test_python_outside_gdb_iterates_over_typed_rows(self):
        code = """
import sys
sys.path.insert(0, %r)
import coreheap
with coreheap.open(%r) as heap:
    rows = heap.query('%s and .i >= 998 | show addr, size, .i as i, .name as name, interned | order by i')
    print(len(rows), rows.columns)
    for row in rows:
        print(type(row.addr).__name__, row.size > 0, row.i, row["name"], row[4])
    try:
        heap.query("siez > 1")
    except coreheap.Failure as error:
        print(str(error).split("\\n")[0])
    stale = heap.query("size > 0")
    heap._engine.retire()
    try:
        next(stale)
    except coreheap.Failure as error:
        print(error)
""" % (FOLDER, self.path, NODES)
        env = dict(environment(), PYTHONDONTWRITEBYTECODE="1")
        done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=env, timeout=120)
        self.assertEqual(done.stdout.decode().splitlines(), [
            "2 ['addr', 'size', 'i', 'name', 'interned']",
            "int True 998 node-998 False",
            "int True 999 node-999 False",
            "error[unknown-attribute]: no attribute is called siez",
            "the target has changed: its rows went with it",
        ], done.stderr.decode())

    def test_python_inside_gdb_is_about_what_gdb_has_open(self):
        ran = gdb("python import coreheap",
                  "python print([row.i for row in coreheap.query('%s and .i < 3 | show .i as i | order by i')])" % NODES,
                  args=["-c", self.path], env=environment())
        self.assertIn("[0, 1, 2]", ran.out, ran)

    def test_convenience_functions_tell_an_address(self):
        status, out, err = program(self.path, "%s and .i == 5 | show object, size, id(.name)" % NODES)
        node, size, name = rows(out)[1]
        ran = gdb("print $heap_type(%s)" % node, "print $heap_size(%s + 8)" % node, "print $heap_type(%s)" % name,
                  "print $heap_owner(%s)" % node, "print $heap_type(1)", "print $heap_size(1)",
                  args=["-c", self.path], env=environment())
        self.assertEqual(re.findall(r"(?m)^\$\d+ = (.*)$", ran.out),
                         ['"__main__.Node"', size, '"str"', "0", '"none"', "0"], ran)

    def test_every_named_query_runs(self):
        listed = subprocess.run([PROGRAM, self.path, "query", "--format", "csv"], stdout=subprocess.PIPE,
                                timeout=120).stdout.decode()
        names = [row[0] for row in rows(listed)[1:]]
        self.assertGreaterEqual(len(names), 25)
        for name in names:
            with self.subTest(name=name):
                done = subprocess.run([PROGRAM, self.path, "query", name], stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, timeout=120)
                self.assertEqual(done.returncode, 0, done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
