"""The plugin before a person: Ctrl-C, pager, TAB, progress, colour, and the end of GDB, in tmux."""

import os
import re
import signal
import statistics
import time
import unittest

import harness
from harness import Target, Terminal, core, environment, wait_until

PROMPT = r"\n\(gdb\) $"


def terminal(*settings, **options):
    return Terminal(["-c", core()[0]], settings=settings, **options)


@harness.needs("gdb")
@harness.needs("tmux")
class Cancelling(unittest.TestCase):
    def latency(self, window, command):
        """Seconds from Ctrl-C to `Quit` and the prompt on the screen, seen from outside."""
        window.clear()
        window.line(command)
        self.assertTrue(window.wait_for("taking time"), window.screen())
        start = time.monotonic()
        window.key("C-c")
        self.assertTrue(window.wait_for("(?m)^Quit\n" + PROMPT[2:], 20), window.screen())
        return time.monotonic() - start

    def test_ctrl_c_ends_a_command_within_a_fifth_of_a_second(self):
        with terminal() as window:
            taken = [self.latency(window, "heap sleep 100") for _ in range(5)]
            self.assertIn("type  objects", window.run("heap types"))
        print("Ctrl-C to Quit: %s s" % ", ".join("%.3f" % t for t in taken))
        self.assertLess(statistics.median(taken), 0.2, taken)

    def test_a_job_that_notices_late_is_still_joined(self):
        with terminal() as window:
            taken = self.latency(window, "heap stubborn 100")
            self.assertIn("type  objects", window.run("heap types"))
        self.assertLess(taken, 0.5)

    def test_an_impatient_person_presses_it_often(self):
        with terminal() as window:
            window.line("heap stubborn 100")
            self.assertTrue(window.wait_for("taking time"))
            for _ in range(5):
                window.key("C-c")
            self.assertTrue(window.wait_for("Quit(.|\n)*" + PROMPT[2:]), window.screen())
            time.sleep(0.3)
            window.key("C-c")  # one that came late must not spoil the next line
            self.assertIn("type  objects", window.run("heap types"))

    def test_a_cancelled_command_leaves_a_held_process_held(self):
        with Target() as target, Terminal(["-p", str(target.pid)]) as window:
            window.line("heap sleep 100")
            self.assertTrue(window.wait_for("taking time"))
            window.key("C-c")
            self.assertTrue(window.wait_for("Quit\n(.|\n)*" + PROMPT[2:]), window.screen())
            self.assertEqual(target.state(), "t")
            self.assertIn("opens=1 retires=0", window.run("heap target"))
            window.run("detach")
            self.assertTrue(wait_until(lambda: target.state() == "S"))

    def test_a_script_of_commands_stops_at_ctrl_c(self):
        script = os.path.join(harness.SCRATCH, "long.gdb")
        with open(script, "w") as file:
            file.write("heap sleep 100\necho went on\\n\n")
        with terminal() as window:
            window.line("source " + script)
            time.sleep(1)
            window.key("C-c")
            screen = window.wait_for("Quit\n(.|\n)*" + PROMPT[2:])
            self.assertTrue(screen, window.screen())
            self.assertNotIn("went on", screen)


@harness.needs("gdb")
@harness.needs("tmux")
class Ending(unittest.TestCase):
    def end(self, send):
        """Starts a long job, ends GDB by `send(window)`; what the engine traced."""
        trace = os.path.join(harness.SCRATCH, "trace-%d" % time.monotonic_ns())
        with Target() as target, Terminal(["-p", str(target.pid)],
                                          env=environment(FAKE_ENGINE_TRACE=trace)) as window:
            window.line("heap sleep 100")
            self.assertTrue(window.wait_for("taking time"))
            pid = window.pid()
            send(window, pid)
            self.assertTrue(wait_until(lambda: harness.gone(pid), 10), window.screen())
            self.assertTrue(wait_until(lambda: target.state() == "S", 5), target.state())
            self.assertTrue(target.alive())
            screen = window.screen()
        self.assertNotRegex(screen, "(?i)segmentation|abort|fatal|internal-error|core dumped")
        with open(trace) as file:
            return file.read()

    def test_gdb_told_to_end_during_a_job_cancels_it_and_lets_the_process_go(self):
        self.assertIn("session freed", self.end(lambda window, pid: os.kill(pid, signal.SIGTERM)))

    def test_a_closed_terminal_during_a_job_cancels_it_and_lets_the_process_go(self):
        self.assertIn("session freed", self.end(lambda window, pid: window.close()))

    def test_a_job_left_running_is_joined_when_gdb_exits(self):
        trace = os.path.join(harness.SCRATCH, "trace-left")
        leave = ("import gc, sys; p = sys.modules['coreheap_plugin']._plugin; "
                 "job = p.session.engine.run('sleep 100', 0, False); print('left', job.poll(50))")
        start = time.monotonic()
        ran = harness.gdb("python " + leave, env=environment(FAKE_ENGINE_TRACE=trace))
        self.assertLess(time.monotonic() - start, 10)
        self.assertEqual((ran.status, ran.out, ran.err), (0, "left -1\n", ""))
        with open(trace) as file:
            self.assertEqual(file.read(), "session freed, job joined\n")


@harness.needs("gdb")
@harness.needs("tmux")
class Screen(unittest.TestCase):
    def test_a_long_report_is_paged(self):
        with terminal() as window:
            window.run("set height 10")
            window.clear()
            window.line("heap lines 100")
            screen = window.wait_for("--Type <RET> for more")
            self.assertTrue(screen, window.screen())
            self.assertIn("line 9\n", screen)
            self.assertNotIn("line 11\n", screen)
            window.line("c")
            self.assertTrue(window.wait_for("line 100" + PROMPT))

    def test_q_at_the_pager_leaves_nothing_half_open(self):
        with terminal() as window:
            window.run("set height 10")
            for _ in range(3):
                window.clear()
                window.line("heap lines 200000")
                self.assertTrue(window.wait_for("--Type <RET> for more"))
                window.line("q")
                self.assertTrue(window.wait_for("Quit" + PROMPT), window.screen())
            self.assertIn("opens=1 retires=0", window.run("heap target"))

    def test_paging_can_be_switched_off(self):
        with terminal() as window:
            window.run("set height 10")
            window.clear()
            window.line("with pagination off -- heap lines 200")
            self.assertTrue(window.wait_for("line 200" + PROMPT), window.screen())

    def test_tab_completes_words_options_and_expressions(self):
        with Terminal([harness.FAKE]) as window:
            for typed, becomes in (("heap ty", "heap types"), ("coreheap ty", "coreheap types"),
                                   ("heap types --so", "heap types --sort"), ("heap types --li", "heap types --li"),
                                   ("heap show coreheap_session_f", "heap show coreheap_session_free"), ("hexd", "hexdump"),
                                   ("heap x 16 --w", "heap x 16 --w")):
                window.clear()
                window.type(typed)
                window.key("Tab")
                time.sleep(0.2)
                self.assertTrue(window.wait_for(r"\(gdb\) %s *$" % re.escape(becomes), 3),
                                "%s\n%s" % (typed, window.screen()))
                window.key("C-u")
            window.type("heap types --li")
            window.key("Tab")
            window.key("Tab")
            self.assertTrue(window.wait_for(r"\nlimit +list-all"), window.screen())
            window.key("C-u")

    def test_enter_does_not_repeat_a_command(self):
        with terminal() as window:
            self.assertIn("type  objects", window.run("heap types"))
            window.clear()
            window.key("Enter")
            time.sleep(0.3)
            self.assertNotIn("objects", window.screen())

    def test_progress_is_shown_and_wiped(self):
        with terminal() as window:
            window.clear()
            window.line("heap sleep 2")
            self.assertTrue(window.wait_for(r"\ntaking time \d+ %$", 2), window.screen())
            self.assertTrue(window.wait_for(r"slept 2" + PROMPT), window.screen())
            self.assertNotIn("taking time", window.screen())

    def test_a_script_shows_no_progress(self):
        script = os.path.join(harness.SCRATCH, "quiet.gdb")
        with open(script, "w") as file:
            file.write("heap sleep 1\n")
        with terminal() as window:
            window.clear()
            window.line("source " + script)
            self.assertFalse(window.wait_for("taking time", 0.9), window.screen())
            self.assertTrue(window.wait_for("slept 1"))

    def test_width_and_colour_follow_gdb(self):
        with terminal() as window:
            self.assertIn("width=100 style=1", window.run("heap echo"))
            window.run("set style enabled off")
            self.assertIn("style=0", window.run("heap echo"))
            window.run("set style enabled on")
            window.run("set width 0")
            self.assertIn("width=0 style=1", window.run("heap echo"))
        for changes in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
            with terminal(env=environment(**changes)) as window:
                window.line("heap echo")
                self.assertTrue(window.wait_for("style=0"), "%s\n%s" % (changes, window.screen()))

    def test_the_pause_is_counted_from_the_attach(self):
        with Target() as target, Terminal() as window:
            start = time.monotonic()
            window.run("attach %d" % target.pid)
            done = time.monotonic()
            time.sleep(1.2)
            screen = window.run("heap target")
            now = time.monotonic()
            told = re.search(r"process %d, stopped by GDB for (\d+\.\d) s\n" % target.pid, screen)
            self.assertTrue(told, screen)
            self.assertGreaterEqual(float(told.group(1)), now - done - 1 if now - done > 2 else 1.1)
            self.assertLessEqual(float(told.group(1)), now - start + 0.1)


if __name__ == "__main__":
    unittest.main()
