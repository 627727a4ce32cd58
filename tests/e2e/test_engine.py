"""The plugin with the real engine: the same answers through every door, and Ctrl-C while it works."""

import json
import os
import re
import statistics
import subprocess
import time
import unittest

import harness
from harness import Target, Terminal, core, environment, wait_until

PREFIX = os.environ.get("COREHEAP_E2E_PREFIX") or harness.BUILD
LIBRARY = os.path.join(PREFIX, "lib", "libcoreheap.so")
PROGRAM = os.path.join(PREFIX, "bin", "coreheap")
PLUGIN = os.path.join(PREFIX, "share", "coreheap", "gdb", "coreheap_gdb.py")
PROMPT = "\\(gdb\\) $"


def gdb(*commands, **options):
    """GDB with the build tree's plugin, which finds the build tree's library by itself."""
    options.setdefault("env", environment(library=None))
    return harness.gdb(*commands, plugin=PLUGIN, **options)


def jsons_of(text):
    """The JSON reports within GDB's output."""
    return [json.JSONDecoder().raw_decode(text, match.start())[0]
            for match in re.finditer(r'(?m)^\{"schema"', text)]


def json_of(text):
    (report,) = jsons_of(text)
    return report


def objects_of(report):
    """{type: objects} of a `types` report."""
    return {row["type"]: row["objects"] for row in rows_of(report)}


def rows_of(report):
    names = [column["name"] for column in report["columns"]]
    return [row if isinstance(row, dict) else dict(zip(names, row)) for row in report["rows"]]


def figures_of(report):
    """What must be equal through every door: the rows. Where the GDB under test sees none of the target's
    files, names in their read-only pages are lost, and with a name may go the knowledge which buffers such
    an object owns: there the objects and their own bytes must be equal."""
    if not os.environ.get("COREHEAP_E2E_NO_FILES"):
        return rows_of(report)
    return sorted((row["objects"], row["own"]) for row in rows_of(report))


@unittest.skipUnless(os.path.exists(LIBRARY), "libcoreheap.so is not built")
@unittest.skipIf(os.environ.get("COREHEAP_E2E_SANITIZE"), "a sanitized library does not load into GDB")
@harness.needs("gdb")
@harness.can_trace()
class Engine(unittest.TestCase):
    def test_a_live_process_and_its_core_give_the_same_objects(self):
        path = os.path.join(harness.SCRATCH, "same.core")
        with Target() as target:
            live = gdb("heap types --format json", "gcore " + path, args=["-p", str(target.pid)])
        dead = gdb("heap types --format json", args=["-c", path])
        self.assertEqual(figures_of(json_of(live.out)), figures_of(json_of(dead.out)))
        self.assertEqual(objects_of(json_of(live.out))["__main__.Node"], 1000)

    @unittest.skipIf(os.environ.get("COREHEAP_E2E_NO_FILES"), "the program sees files that this GDB does not")
    def test_gdb_and_the_program_say_the_same(self):
        path, _ = core()
        for words in ("types --limit all", "types --format jsonl", "used", "free", "rss", "rss --mappings", "rss --arenas",
                      "fragmentation", "map", "export --format csv", "info"):
            inside = gdb("heap " + words, args=["-c", path])
            outside = subprocess.run([PROGRAM, "-c", path] + words.split(), stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, env=environment(library=None), timeout=120)
            report = outside.stdout.decode("utf-8").split("\n\nNEXT")[0]  # what to type next differs
            self.assertGreater(len(report), 100, words)
            self.assertIn(report, inside.out, words)

    @harness.needs("gdbserver")
    def test_a_process_behind_gdbserver_gives_the_same_objects(self):
        from test_remote import Server
        with Target() as target:
            near = gdb("heap types --format json", args=["-p", str(target.pid)])
            with Server(target.pid) as server:
                far = gdb("target remote 127.0.0.1:%d" % server.port, "heap types --format json", "detach",
                          before=["set sysroot"])
        self.assertEqual(figures_of(json_of(near.out)), figures_of(json_of(far.out)))

    def test_a_process_that_went_on_has_more_objects(self):
        body = "\nwhile True: nodes.append(Node(0)); time.sleep(.01)"
        with Target(body=body, threads=0) as target:
            ran = gdb("heap types --format json", "tbreak clock_nanosleep", "continue", "tbreak clock_nanosleep",
                      "continue", "heap types --format json", args=["-p", str(target.pid)])
        before, after = [objects_of(report)["__main__.Node"] for report in jsons_of(ran.out)]
        self.assertGreaterEqual(before, 1000)
        self.assertGreater(after, before)

    def test_no_word_of_any_kind_upsets_gdb(self):
        """Every registered word, bare, with an address, with nonsense: on a core, live, and on nothing."""
        names = re.findall(r"(?m)^heap ([a-z][a-z-]*)(?:,| --)", gdb("help heap").out)
        self.assertGreater(len(names), 10)
        # -o and what reads a file from the user write or need one; none is among the bare forms.
        commands = []
        for name in names:
            for rest in ("", " $rsp", " 0", " --no-such-option", " 'open", " --limit -1"):
                commands += ["heap " + name + rest + (" --limit 1" if name == "export" and not rest else "")]
        with Target() as target:
            for args in (["-c", core()[0]], ["-p", str(target.pid)], []):
                ran = gdb("source " + self.script(commands), "echo alive\\n", args=args)
                self.assertTrue(ran.out.endswith("alive\n") or "alive\n[Inferior" in ran.out, ran)
                self.assertNotIn("Traceback", ran.err)
                self.assertNotIn("Python Exception", ran.err)
            self.assertTrue(wait_until(lambda: target.state() == "S"))

    @staticmethod
    def script(commands):
        """A script that goes on after errors."""
        path = os.path.join(harness.SCRATCH, "all.py")
        with open(path, "w") as file:
            file.write("import gdb\nfor command in %r:\n"
                       "    try:\n        gdb.execute(command, False, True)\n"
                       "    except gdb.error as error:\n"
                       "        assert str(error).strip(), command\n" % (commands,))
        return path

    def test_gdb_explains_a_word_as_the_program_does(self):
        manual = subprocess.run([PROGRAM, "help", "types"], stdout=subprocess.PIPE,
                                timeout=60).stdout.decode("utf-8")
        shown = gdb("help heap types").out
        for line in manual.split("\n")[3:]:
            self.assertIn(line.rstrip(), shown)
        self.assertTrue(shown.startswith("live objects by type"), shown)

    def test_mistyped_words_are_suggested(self):
        self.assertRegex(gdb("heap typse").err, "try: types")

    def test_an_address_is_any_expression_and_is_left_behind(self):
        ran = gdb("heap show $rsp + 8", "printf \"%#lx %#lx\\n\", $_, $rsp + 8", args=["-c", core()[0]])
        left, meant = re.search(r"(?m)^(0x[0-9a-f]+) (0x[0-9a-f]+)$", ran.out).groups()
        self.assertEqual(left, meant)

    def test_a_held_process_stays_where_it_was(self):
        with Target() as target:
            gdb("heap types", "heap", args=["-p", str(target.pid)])
            self.assertTrue(target.alive())
            self.assertTrue(wait_until(lambda: target.state() == "S"))

    @harness.needs("tmux")
    def test_ctrl_c_ends_the_engines_work_within_a_fifth_of_a_second(self):
        body = "\nlots = [[] for _ in range(3000000)]; print('big', flush=True); time.sleep(1000)"
        with Target(body=body, threads=0) as target:
            self.assertEqual(target.process.stdout.readline(), b"big\n")
            with Terminal(["-p", str(target.pid)], env=environment(library=None), plugin=PLUGIN) as window:
                taken = []
                window.run("set height 0")
                for moment in (0.05, 0.15, 0.3, 0.45, 0.6):
                    window.clear()
                    window.line("heap types --limit 3")
                    self.assertTrue(window.wait_for("--limit 3\n?"), window.screen())
                    time.sleep(moment)
                    start = time.monotonic()
                    window.key("C-c")
                    screen = window.wait_for("(?m)^((\\^C)?Quit|TOTAL(.|\\n)*)\n" + PROMPT, 30)
                    self.assertTrue(screen, window.screen())
                    if "Quit" in screen:
                        taken.append(time.monotonic() - start)
                    window.run("set var *(long*)($rsp - 512) = 0")  # what was read so far is let go
                self.assertIn("list ", window.run("heap types --limit 3", 60))
        print("Ctrl-C to Quit of the engine: %s s" % ", ".join("%.3f" % t for t in taken))
        self.assertGreater(len(taken), 1, "the commands were done before Ctrl-C")
        self.assertLess(statistics.median(taken), 0.2, taken)

    @harness.needs("tmux")
    def test_the_first_screen_fits(self):
        with Target() as target:
            with Terminal(["-p", str(target.pid)], env=environment(library=None), plugin=PLUGIN, columns=80,
                          rows=60) as window:
                screen = window.run("heap")
                window.run("set style enabled off")
                plain = window.run("heap")
        self.assertLessEqual(len(screen.strip("\n").split("\n")), 41, screen)
        self.assertLessEqual(max(len(line) for line in screen.split("\n")), 80, screen)
        self.assertIn("= RSS", screen)
        self.assertTrue(plain.isascii(), plain)


if __name__ == "__main__":
    unittest.main()
