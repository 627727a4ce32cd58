"""Where the library cannot be loaded the plugin runs the program `coreheap`, with the same contract."""

import os
import re
import time
import unittest

import harness
from harness import Target, Terminal, core, environment, gdb

PROGRAM = os.path.join(harness.HERE, "fake_program.py")
PROMPT = "\\(gdb\\) $"


def fallback(**changes):
    """An environment whose library is a text file."""
    return environment(library=__file__, COREHEAP_PROGRAM=PROGRAM, **changes)


@harness.needs("gdb")
class Program(unittest.TestCase):
    def ask(self, *commands, **options):
        return gdb(*commands, args=["-c", core()[0]], env=fallback(), **options)

    def test_a_core_is_named_and_the_words_follow(self):
        ran = self.ask("heap types --limit 3 'a b'")
        self.assertTrue(ran.out.endswith("argv ['-c', '%s', 'types', '--limit', '3', 'a b'] columns=None plain=1\n"
                                         % core()[0]), ran)
        self.assertIn("argv ['-c', '%s'] " % core()[0], self.ask("heap").out)
        self.assertIn("columns=64", self.ask("set width 64", "heap").out)

    def test_a_held_process_is_not_stopped_again(self):
        with Target() as target:
            ran = gdb("heap types", args=["-p", str(target.pid)], env=fallback())
        self.assertIn("argv ['-p', '%d', '--no-stop', 'types'] " % target.pid, ran.out)

    def test_an_expression_becomes_hex(self):
        ran = self.ask("heap show $rsp + 16", "printf \"%#lx\\n\", $rsp + 16")
        said, meant = re.search(r"'show', '(0x[0-9a-f]+)'\].*\n(0x[0-9a-f]+)\n", ran.out).groups()
        self.assertEqual(said, meant)

    def test_its_words_are_known_to_gdb(self):
        self.assertIn("heap types -- objects by type\n", self.ask("help heap").out)
        self.assertIn("--limit N  rows", self.ask("help heap show").out)
        self.assertTrue(self.ask("complete heap ty").out.endswith("\nheap types\n"))
        self.assertTrue(self.ask("complete heap types --l").out.endswith("\nheap types --limit\n"))

    def test_its_errors_are_errors(self):
        ran = self.ask("heap fail 2", "print $_coreheap_status")
        self.assertTrue(ran.err.endswith("failed\ntry something else\n"), ran)
        self.assertIn("$1 = 2\n", ran.out)
        self.assertTrue(self.ask("heap crash").err.endswith("the program coreheap died from signal 11\n"))

    def test_a_program_that_cannot_be_run_is_named(self):
        ran = gdb("heap", env=environment(library=__file__, COREHEAP_PROGRAM="/nonexistent"))
        self.assertIn("COREHEAP_PROGRAM names /nonexistent, which cannot be run", ran.err)

    @harness.needs("gdbserver")
    def test_memory_that_only_gdb_reads_needs_the_library(self):
        from test_remote import Server
        with Target() as target, Server(target.pid) as server:
            ran = gdb("target remote 127.0.0.1:%d" % server.port, "heap", "detach", before=["set sysroot"],
                      env=fallback())
        self.assertRegex(ran.err, r"memory that only GDB can read needs the library: \S+ cannot be loaded: .*\n"
                         r"run coreheap beside the process instead\n")

    @harness.needs("tmux")
    def test_ctrl_c_interrupts_it_and_waits_for_its_end(self):
        trace = os.path.join(harness.SCRATCH, "program-trace")
        with Terminal(["-c", core()[0]], env=fallback(FAKE_ENGINE_TRACE=trace)) as window:
            window.clear()
            window.line("heap sleep")
            self.assertTrue(window.wait_for(r"coreheap [1-9]\d* s"), window.screen())
            start = time.monotonic()
            window.key("C-c")
            self.assertTrue(window.wait_for("(?m)^Quit\n" + PROMPT), window.screen())
            taken = time.monotonic() - start
            print("Ctrl-C to Quit with the program: %.3f s" % taken)
            with open(trace) as file:
                self.assertEqual(file.read(), "interrupted")
        self.assertLess(taken, 0.3)

    @harness.needs("tmux")
    def test_a_program_deaf_to_interrupts_is_ended(self):
        with Terminal(["-c", core()[0]], env=fallback()) as window:
            window.clear()
            window.line("heap sleep stubborn")
            self.assertTrue(window.wait_for(r"coreheap [1-9]\d* s"), window.screen())
            window.key("C-c")
            self.assertTrue(window.wait_for("(?m)^Quit\n" + PROMPT, 10), window.screen())


if __name__ == "__main__":
    unittest.main()
