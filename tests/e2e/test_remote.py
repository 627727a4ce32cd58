"""Memory that only GDB can read: gdbserver, over the fake engine, which sums the bytes it is handed."""

import re
import os
import subprocess
import time
import unittest

import harness
from harness import Target, Terminal, environment, gdb

PROMPT = "\\(gdb\\) $"


class Server:
    """gdbserver attached to `pid`, on a port of its own choosing; it holds the process stopped."""

    def __init__(self, pid):
        self.process = subprocess.Popen(["gdbserver", "--attach", "127.0.0.1:0", str(pid)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT)

    def __enter__(self):
        for line in iter(self.process.stdout.readline, b""):
            match = re.search(rb"Listening on port (\d+)", line)
            if match:
                self.port = int(match.group(1))
                return self
        raise AssertionError("gdbserver does not listen")

    def __exit__(self, *_error):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def private_bytes(pid):
    """(sum, count) of the bytes of the private writable mappings, read beside GDB."""
    total = count = 0
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as memory:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) .w.p", line)
            if match:
                start, end = int(match.group(1), 16), int(match.group(2), 16)
                memory.seek(start)
                data = memory.read(end - start)
                total += sum(data)
                count += len(data)
    return total, count


@harness.needs("gdb")
@harness.needs("gdbserver")
@harness.can_trace()
class Remote(unittest.TestCase):
    def attached(self, server, *commands, **options):
        return gdb("target remote 127.0.0.1:%d" % server.port, *(commands + ("detach",)),
                   before=["set sysroot"], **options)

    def test_every_byte_comes_through_gdb_with_maps_auxv_and_threads(self):
        with Target(threads=2) as target, Server(target.pid) as server:
            expected, count = private_bytes(target.pid)
            ran = self.attached(server, "heap target", "heap target")
            self.assertTrue(target.alive())
        self.assertRegex(ran.out, r"(?m)^process %d of the remote target, stopped by GDB for \d+\.\d s$" % target.pid)
        found = re.search(r"regions process %d of the remote target options=\[\] mappings=(\d+) read=(\d+) short=(\d+) "
                          r"sum=(\d+) auxv=(\d+) threads=(\d+)\nopens=1 retires=0" % target.pid, ran.out)
        self.assertTrue(found, ran)
        mappings, read, short, total, auxv, threads = [int(x) for x in found.groups()]
        self.assertEqual((read, short, total, threads), (count, 0, expected, 3), ran)
        self.assertGreater(mappings, 20)
        self.assertGreater(auxv, 200)
        self.assertEqual(len(re.findall("opens=1 retires=0", ran.out)), 2, "the second command reads nothing")

    def test_a_hole_ends_a_read_at_its_first_page(self):
        """A page made unreadable between two readable ones."""
        body = ("import ctypes, mmap; c = ctypes.CDLL(None)\n"
                "m = mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
                "a = ctypes.addressof(ctypes.c_char.from_buffer(m))\n"
                "c.mprotect(ctypes.c_void_p(a + 0x5000), 4096, 0)\n"
                "c.madvise(ctypes.c_void_p(a), 0x5000, 14)\n"
                "print(hex(a), flush=True)\n"
                "time.sleep(1000)")
        with Target(body=body) as target:
            start = int(target.process.stdout.readline(), 16)
            with Server(target.pid) as server:
                script = ("import gdb, sys; r = sys.modules['coreheap_plugin.remote']; "
                          "f = type('F', (), {'raised': False})(); "
                          "read = r.Reader(gdb.selected_inferior(), f, lambda text: None); "
                          "print('got', len(read(%d, 1 << 20)), len(read(%d, 0x6000)), len(read(%d, 4096)), "
                          "len(read(%d, 0x4fff)), len(read(%d, 3 << 20)))")
                ran = self.attached(server, "python " + script % (start, start, start + 0x6000, start + 1, 0x1000))
        # ptrace reads through a page without permissions; a place where nothing is mapped it cannot read.
        self.assertRegex(ran.out, r"got (1048576|20480) (24576|20480) 4096 20479 0")

    def test_a_map_read_off_the_screen_is_the_map(self):
        with Target() as target, Server(target.pid) as server:
            script = ("import gdb, sys; r = sys.modules['coreheap_plugin.remote']; "
                      "print(r.maps_from_mappings(gdb.execute('info proc mappings', to_string=True)))")
            ran = self.attached(server, "python " + script)
            with open("/proc/%d/maps" % target.pid) as file:
                expected = [line.split() for line in file]
        found = re.findall(r"(?m)^([0-9a-f]+-[0-9a-f]+) (....) ([0-9a-f]{8,}) 00:00 0 ?(.*)$", ran.out)
        self.maxDiff = None
        self.assertEqual([row[:3] + (row[3].split(),) for row in found],
                         [(row[0], row[1], row[2], row[5:]) for row in expected])

    def test_a_gdbserver_of_many_processes_is_read_too(self):
        with Target() as target:
            server = subprocess.Popen(["gdbserver", "--multi", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            try:
                port = int(re.search(rb"port (\d+)", server.stdout.readline()).group(1))
                ran = gdb("target extended-remote 127.0.0.1:%d" % port, "heap", "attach %d" % target.pid,
                          "heap target", "detach", before=["set sysroot"])
            finally:
                server.kill()
                server.wait()
                server.stdout.close()
        self.assertIn("no process or core: use", ran.err)
        self.assertIn("regions process %d of the remote target" % target.pid, ran.out)

    @harness.needs("tmux")
    def test_ctrl_c_ends_the_reading(self):
        with Target() as target, Server(target.pid) as server:
            with Terminal(["-iex", "set sysroot", "-ex", "target remote 127.0.0.1:%d" % server.port],
                          env=environment(FAKE_ENGINE_READ_ALL="10000")) as window:
                for _ in range(3):
                    window.clear()
                    window.line("heap target")
                    self.assertTrue(window.wait_for(r"reading through GDB: \d+ MiB"), window.screen())
                    start = time.monotonic()
                    window.key("C-c")
                    self.assertTrue(window.wait_for("(?m)^Quit\n" + PROMPT, 20), window.screen())
                    taken = time.monotonic() - start
                    print("Ctrl-C to Quit while reading through gdbserver: %.3f s" % taken)
                    self.assertLess(taken, 0.5)
                # Python's and GDB's own handling of Ctrl-C are as before.
                window.clear()
                window.line("python while True: pass")
                time.sleep(0.3)
                window.key("C-c")
                self.assertTrue(window.wait_for("(KeyboardInterrupt|Quit)(.|\n)*" + PROMPT), window.screen())
                window.clear()
                window.line("continue")
                self.assertTrue(window.wait_for("Continuing"))
                time.sleep(0.5)
                window.key("C-c")
                self.assertTrue(window.wait_for("SIGINT(.|\n)*" + PROMPT), window.screen())
            self.assertTrue(os.path.exists("/proc/%d" % target.pid))


if __name__ == "__main__":
    unittest.main()
