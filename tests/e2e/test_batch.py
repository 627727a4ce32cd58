"""The plugin in a GDB without a terminal, over the fake engine: what is opened, when it is let go, and
what a mistake is told."""

import os
import re
import shutil
import unittest

import harness
from harness import Target, core, gdb

NO_TARGET = "no process or core: use  attach PID  or  core-file FILE\n"


@harness.needs("gdb")
class WithoutTarget(unittest.TestCase):
    def test_every_word_says_what_is_missing_in_one_line(self):
        for command in ("heap", "heap types", "heap show $rsp", "coreheap", "hexdump 1"):
            self.assertEqual(gdb(command).err, NO_TARGET, command)

    def test_a_program_that_does_not_run_is_no_target(self):
        self.assertEqual(gdb("heap", args=[harness.FAKE]).err, NO_TARGET)

    def test_an_unknown_word_is_an_error_with_a_suggestion_never_the_first_screen(self):
        ran = gdb("heap typse --limit 3")
        self.assertEqual(ran.err, 'no command "typse": did you mean "types"?\nheap help names them all\n')
        self.assertEqual(ran.out, "")

    def test_help_needs_no_target(self):
        self.assertEqual(gdb("heap help").out, "heap types    types by memory\n")

    def test_gdb_explains_each_word(self):
        self.assertIn("--sort COLUMN    objects, shallow, own, buffers or total\n", gdb("help heap types").out)
        self.assertTrue(gdb("help heap types").out.startswith("heap types, heap census\nTypes by the memory"))
        listed = gdb("help heap").out
        self.assertIn("\nheap types, heap census -- Types by the memory they take.\n", listed)
        self.assertIn("\nheap x, heap hexdump -- ", listed)

    def test_words_complete(self):
        self.assertEqual(gdb("complete heap ty").out, "heap types\n")
        self.assertEqual(gdb("complete coreheap ty").out, "coreheap types\n")
        self.assertEqual(gdb("complete heap types --li").out, "heap types --limit\nheap types --list-all\n")
        self.assertEqual(gdb("complete heap types --limit 3 --so").out, "heap types --limit 3 --sort\n")


@harness.needs("gdb")
@harness.can_trace()
class Live(unittest.TestCase):
    def test_a_held_process_is_read_with_its_threads(self):
        with Target(threads=2) as target:
            ran = gdb("heap target", args=["-p", str(target.pid)])
        self.assertRegex(ran.out, r"(?m)^process %d, stopped by GDB for at least \d+\.\d s\nheld %d options=\[\]$"
                         % (target.pid, target.pid))
        threads = re.findall(r"(?m)^thread (\d+) fs=(0x[0-9a-f]+) sp=(0x[0-9a-f]+) pc=0x[0-9a-f]+ readable=1$",
                             ran.out)
        self.assertEqual(len(threads), 3, ran)
        self.assertIn(str(target.pid), [tid for tid, _, _ in threads])
        for column in range(3):
            self.assertEqual(len({row[column] for row in threads}), 3, ran)

    def test_the_target_runs_on_afterwards(self):
        with Target() as target:
            gdb("heap", "heap show $rsp", args=["-p", str(target.pid)])
            self.assertTrue(target.alive())
            self.assertEqual(target.state(), "S")

    def test_the_pause_is_told_once_a_stop_and_never_to_a_machine(self):
        with Target() as target:
            ran = gdb("heap types --format json", "heap types --format=csv", "heap types", "heap types",
                      args=["-p", str(target.pid)])
        self.assertEqual(len(re.findall("stopped by GDB", ran.out)), 1, ran)
        self.assertLess(ran.out.index("csv"), ran.out.index("stopped by GDB"))

    def test_thread_and_frame_stay_selected(self):
        with Target() as target:
            ran = gdb("thread 2", "up", "python f = gdb.selected_frame()", "heap target", "thread",
                      "python print('same', f == gdb.selected_frame())", args=["-p", str(target.pid)])
        self.assertRegex(ran.out, r"(?m)^\[Current thread is 2 ")
        self.assertIn("same True", ran.out)

    def test_a_process_that_went_on_is_read_anew(self):
        with Target(body="\nwhile True: time.sleep(.01)") as target:
            ran = gdb("heap target", "heap target", "break nanosleep", "tbreak clock_nanosleep", "continue",
                      "heap target", args=["-p", str(target.pid)])
        opens = re.findall(r"opens=(\d+) retires=(\d+)", ran.out)
        self.assertEqual(opens, [("1", "0"), ("1", "0"), ("2", "1")], ran)

    def test_memory_written_through_gdb_is_read_anew(self):
        with Target() as target:
            ran = gdb("heap target", "set {long}($rsp - 256) = 1", "heap target", args=["-p", str(target.pid)])
        self.assertEqual(re.findall(r"opens=(\d+)", ran.out), ["1", "2"], ran)

    def test_running_threads_are_refused_with_the_cure(self):
        with Target() as target:
            ran = gdb("attach %d" % target.pid, "continue -a &", "python import time; time.sleep(0.3)", "heap target",
                      "interrupt -a", before=["set non-stop on"])
        self.assertIn("3 of 3 threads are running: memory would change while it is read\n"
                      "stop everything first:  interrupt -a\n", ran.err)

    def test_a_detached_process_is_gone(self):
        with Target() as target:
            ran = gdb("heap target", "detach", "heap target", args=["-p", str(target.pid)])
        self.assertTrue(ran.err.endswith(NO_TARGET), ran)


@harness.needs("gdb")
class Addresses(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.path, _ = core()

    def ask(self, *commands):
        return gdb(*commands, args=["-c", self.path])

    def test_an_expression_becomes_hex(self):
        ran = self.ask("heap show $rsp", "heap show $rsp+16", "heap show $rsp + 16", "heap show *(void**)$rsp",
                       "printf \"(%#lx)(%#lx)\\n\", $rsp, *(long*)$rsp")
        first, second, third, fourth, sp, word = [int(x, 16) for x in re.findall(r"\((0x[0-9a-f]+)\)", ran.out)]
        self.assertEqual([first, second, third, fourth], [sp, sp + 16, sp + 16, word], ran)

    def test_the_result_is_left_in_the_last_address(self):
        ran = self.ask("heap show 0x7f0000001230", "print $_", "print $_coreheap_status")
        self.assertIn("$1 = (void *) 0x7f0000001230\n$2 = 0\n", ran.out)

    def test_words_that_follow_the_address_stay(self):
        self.assertIn("x(0x1000 64 --width 8)\n", self.ask("heap x 0x1000 64 --width 8").out)
        self.assertIn("x(0x1010 64 --width 8)\n", self.ask("heap x 0x1000 + 16 64 --width 8").out)
        self.assertIn("x(0x1010 --width 8)\n", self.ask("heap x --width 8 0x1000 + 16").out)
        self.assertIn("x(0x1000 64)\n", self.ask("hexdump 0x1000 64").out)

    def test_rows_and_names_reach_the_engine_as_they_are(self):
        self.assertIn("why(#3 --limit 4)\n", self.ask("heap why #3 --limit 4").out)
        self.assertIn("why('#3')\n", self.ask("heap why '#3'").out)
        self.assertIn("why(dict)\n", self.ask("heap why dict").out)

    def test_what_cannot_be_evaluated_is_named_with_its_reason(self):
        ran = self.ask("heap show nosuch+1")
        self.assertRegex(ran.err, r"^(?s:.*)cannot evaluate nosuch\+1: No symbol .*\nan address is any GDB "
                         r"expression:  \$rsp   &x   buf\+16   0x7f\.\.\.\n$")

    def test_nothing_is_called_in_the_target(self):
        with Target() as target:
            ran = gdb("heap show (long)getpid()", "show may-call-functions", args=["-p", str(target.pid)])
        self.assertIn("cannot evaluate (long)getpid(): ", ran.err)
        self.assertIn("Permission to call functions in the program is on.", ran.out)


@harness.needs("gdb")
class Cores(unittest.TestCase):
    def test_a_core_is_opened_by_its_path(self):
        for name in ("first", "blank name"):
            path, _ = core(name)
            ran = gdb("heap target", args=["-c", path])
            self.assertIn("core %s options=[]\nopens=1 retires=0\n" % path, ran.out)
            self.assertNotIn("stopped by GDB", ran.out)

    def test_the_short_word_for_a_core_still_works(self):
        path, _ = core()
        self.assertIn("core %s " % path, gdb("core " + path, "heap target").out)

    def test_a_second_core_retires_the_first(self):
        first, _ = core()
        second, _ = core("second")
        ran = gdb("heap target", "heap target", "core-file " + second, "heap target", args=["-c", first])
        self.assertEqual(re.findall(r"core (\S+) \S+\nopens=(\d+) retires=(\d+)", ran.out),
                         [(first, "1", "0"), (first, "1", "0"), (second, "2", "1")], ran)

    def test_a_core_file_that_was_replaced_is_read_anew(self):
        path, _ = core()
        copy = os.path.join(harness.SCRATCH, "replaced.core")
        shutil.copy(path, copy)
        ran = gdb("heap target", "python import os; os.utime(%r, (0, 0))" % copy, "heap target", args=["-c", copy])
        self.assertEqual(re.findall(r"opens=(\d+)", ran.out), ["1", "2"], ran)

    def test_a_core_whose_process_still_lives_is_a_core(self):
        path = os.path.join(harness.SCRATCH, "alive.core")
        with Target() as target:
            gdb("gcore " + path, args=["-p", str(target.pid)], plugin=None)
            ran = gdb("python print('pid', gdb.selected_inferior().pid)", "heap target", args=["-c", path])
        self.assertIn("pid %d\n" % target.pid, ran.out)
        self.assertIn("core %s " % path, ran.out)

    def test_a_core_that_is_unloaded_is_gone(self):
        path, _ = core()
        ran = gdb("heap target", "core-file", "heap target", args=["-c", path])
        self.assertTrue(ran.err.endswith(NO_TARGET), ran)

    def test_what_the_engine_refuses_to_open_is_told(self):
        path, _ = core()
        copy = os.path.join(harness.SCRATCH, "refused.core")
        shutil.copy(path, copy)
        ran = gdb("heap target", args=["-c", copy])
        self.assertTrue(ran.err.endswith("%s: not a core\ntry another\n" % copy), ran)

    def test_another_root_of_the_target_is_passed_on(self):
        path, _ = core()
        root = os.path.join(harness.SCRATCH, "a root")
        os.makedirs(root, exist_ok=True)
        ran = gdb("set sysroot " + root, "heap target", args=["-c", path])
        self.assertIn("options=[--sysroot '%s']" % root, ran.out)


@harness.needs("gdb")
class Reports(unittest.TestCase):
    def ask(self, *commands, **options):
        return gdb(*commands, args=["-c", core()[0]], **options)

    def test_statuses_without_a_report_are_errors_and_others_are_reports(self):
        quiet = self.ask("heap fail 1").err.split("\n")
        self.assertEqual(quiet[-3:], ["failed with 1", "try something else", ""])
        for status in (3, 4):
            ran = self.ask("heap fail %d" % status, "print $_coreheap_status")
            self.assertTrue(ran.out.endswith("the part that there is\n$1 = %d\n" % status), ran)
            self.assertTrue(ran.err.endswith("failed with %d\ntry something else\n" % status), ran)

    def test_a_script_stops_at_an_error_and_goes_on_after_a_partial_report(self):
        script = os.path.join(harness.SCRATCH, "script.gdb")
        for status, reached in ((1, False), (2, False), (3, True)):
            with open(script, "w") as file:
                file.write("heap fail %d\necho reached\\n\n" % status)
            self.assertEqual("reached\n" in self.ask("source " + script).out, reached, status)

    def test_a_script_gets_no_width_and_no_colour(self):
        self.assertTrue(self.ask("heap echo a  b").out.endswith("a  b\nwidth=0 style=0\n"))
        self.assertIn("width=64", self.ask("set width 64", "heap echo").out)

    def test_text_can_be_caught(self):
        ran = self.ask("python print(len(gdb.execute('heap lines 3000', to_string=True)))")
        self.assertTrue(ran.out.endswith("\n%d\n" % sum(len("line %d\n" % i) for i in range(1, 3001))), ran)

    @harness.needs_shell()
    def test_text_can_be_piped(self):
        # tail writes when it ends, which may be before what GDB said of the core is flushed.
        said = self.ask("pipe -d @ heap lines 3000 @ tail -1").out
        self.assertEqual(re.findall(r"(?m)^line \d+$", said), ["line 3000"])

    def test_no_charset_loses_a_report(self):
        for setting in ("set host-charset ASCII", "set host-charset UTF-8"):
            ran = self.ask("heap snow", env=harness.environment(LC_ALL="C"), before=[setting])
            self.assertTrue(ran.out.endswith("snow \u2603\n"), ran)


@harness.needs("gdb")
class Loading(unittest.TestCase):
    def test_a_word_of_another_plugin_is_left_alone(self):
        for before in (["define heap\necho theirs\\n\nend"],
                       ["python gdb.execute('define heap\\necho theirs\\\\n\\nend')"]):
            script = os.path.join(harness.SCRATCH, "theirs.gdb")
            with open(script, "w") as file:
                file.write(before[0] + "\n")
            ran = gdb("heap", "coreheap help", "hexdump 1", before=["source " + script])
            self.assertEqual(ran.out, "theirs\nheap types    types by memory\n", ran)
            self.assertEqual(ran.err, NO_TARGET)

    def test_a_longer_word_of_another_plugin_does_not_count(self):
        script = os.path.join(harness.SCRATCH, "longer.gdb")
        with open(script, "w") as file:
            file.write("define heapify\necho theirs\\n\nend\n")
        self.assertEqual(gdb("heap help", "heapify", before=["source " + script]).out,
                         "heap types    types by memory\ntheirs\n")

    def test_it_can_be_sourced_again(self):
        path, _ = core()
        ran = gdb("heap target", "source " + harness.PLUGIN, "heap target", "help heap types", "hexdump 4096",
                  args=["-c", path])
        self.assertEqual(re.findall(r"opens=(\d+) retires=(\d+)", ran.out), [("1", "0"), ("1", "0")], ran)
        self.assertIn("x(0x1000)", ran.out)

    def test_it_leaves_no_file_and_no_path_behind(self):
        before = sorted(os.listdir(os.path.dirname(harness.PLUGIN)))
        ran = gdb("python import sys; print([p for p in sys.path if 'gdbplugin' in p or 'coreheap' in p])")
        self.assertEqual(ran.out, "[]\n")
        self.assertEqual(sorted(os.listdir(os.path.dirname(harness.PLUGIN))), before)

    def install(self, name):
        prefix = os.path.join(harness.SCRATCH, name)
        shutil.rmtree(prefix, True)
        shutil.copytree(os.path.dirname(harness.PLUGIN), os.path.join(prefix, "share", "coreheap", "gdb"))
        os.makedirs(os.path.join(prefix, "lib"))
        return prefix, os.path.join(prefix, "share", "coreheap", "gdb", "coreheap_gdb.py")

    def test_an_installed_plugin_finds_its_library(self):
        prefix, plugin = self.install("a prefix [1]")
        shutil.copy(harness.FAKE, os.path.join(prefix, "lib", "libcoreheap.so"))
        ran = gdb("heap help", plugin=plugin, env=harness.environment(library=None))
        self.assertEqual(ran.out, "heap types    types by memory\n", ran)

    def test_without_engine_every_word_says_why_and_what_to_do(self):
        prefix, plugin = self.install("empty")
        ran = gdb("heap", plugin=plugin, env=harness.environment(library=None, PATH="/usr/bin:/bin"))
        self.assertRegex(ran.err, r"^coreheap has no engine: no libcoreheap.so near \S+; no program coreheap in PATH\n"
                         r"set COREHEAP_LIBRARY to libcoreheap.so or COREHEAP_PROGRAM to coreheap, then source "
                         r"coreheap_gdb.py again\n$")

    def test_a_library_of_another_version_is_refused_by_number(self):
        ran = gdb("heap", env=harness.environment(FAKE_ENGINE_ABI="7", PATH="/usr/bin:/bin",
                                                  COREHEAP_PROGRAM="/nonexistent"))
        self.assertIn("speaks version 7 of the C interface and this plugin version 1", ran.err)

    def test_a_file_that_is_no_library_is_named(self):
        ran = gdb("heap", env=harness.environment(library=__file__, COREHEAP_PROGRAM="/nonexistent"))
        self.assertIn("%s cannot be loaded: " % __file__, ran.err)

    def test_its_syntax_is_python_3_6s(self):
        import ast
        for folder, _, names in os.walk(os.path.dirname(harness.PLUGIN)):
            for name in names:
                if name.endswith(".py"):
                    with open(os.path.join(folder, name)) as file:
                        ast.parse(file.read(), name, feature_version=(3, 6))


if __name__ == "__main__":
    unittest.main()
