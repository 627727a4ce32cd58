"""The C interface from Python's ctypes: a forked copy of this very interpreter stands still, and its memory
is handed over by a callback, as GDB does for targets that only it can read.
"""

import ctypes
import json
import os
import signal
import sys
import unittest

LIBRARY = sys.argv.pop(1)
READ = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_size_t)
RUNNING = -1


def load():
    lib = ctypes.CDLL(LIBRARY)
    handle, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    for name, result, arguments in [
        ("coreheap_session_new", handle, []),
        ("coreheap_session_free", None, [handle]),
        ("coreheap_last_error", text, [handle]),
        ("coreheap_open_regions", ctypes.c_int,
         [handle, text, text, ctypes.c_void_p, size, ctypes.c_void_p, size, READ, ctypes.c_void_p, text]),
        ("coreheap_run", handle, [handle, text, ctypes.c_int, ctypes.c_int]),
        ("coreheap_poll", ctypes.c_int, [handle, ctypes.c_int]),
        ("coreheap_output", handle, [handle, ctypes.POINTER(size)]),
        ("coreheap_job_error", text, [handle]),
        ("coreheap_result_address", ctypes.c_uint64, [handle]),
        ("coreheap_job_free", None, [handle]),
        ("coreheap_commands", text, [handle]),
    ]:
        function = getattr(lib, name)
        function.restype = result
        function.argtypes = arguments
    return lib


class Leaked:
    __slots__ = ("value",)


class ForkedCopy(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lib = load()
        cls.kept = [Leaked() for _ in range(1234)]
        cls.session = cls.lib.coreheap_session_new()
        cls.child = os.fork()
        if cls.child == 0:
            os.kill(os.getpid(), signal.SIGSTOP)
            os._exit(0)
        os.waitpid(cls.child, os.WUNTRACED)
        cls.addClassCleanup(os.waitpid, cls.child, 0)
        cls.addClassCleanup(os.kill, cls.child, signal.SIGKILL)
        folder = "/proc/%d/" % cls.child
        with open(folder + "maps", "rb") as maps, open(folder + "auxv", "rb") as auxv:
            maps, auxv = maps.read(), auxv.read()
        memory = open(folder + "mem", "rb", 0)

        def read(_context, address, out, size):
            try:
                memory.seek(address)
                data = memory.read(size)
            except (OSError, OverflowError, ValueError):
                return 0
            ctypes.memmove(out, data, len(data))
            return len(data)

        status = cls.lib.coreheap_open_regions(cls.session, b"forked copy", maps, auxv, len(auxv), None, 0,
                                               READ(read), None, b"")
        memory.close()
        if status != 0:
            raise RuntimeError(cls.lib.coreheap_last_error(cls.session).decode())

    @classmethod
    def tearDownClass(cls):
        cls.lib.coreheap_session_free(cls.session)

    def run_line(self, line):
        job = self.lib.coreheap_run(self.session, line.encode(), 0, 0)
        self.assertTrue(job)
        try:
            while True:
                status = self.lib.coreheap_poll(job, 100)
                if status != RUNNING:
                    break
            length = ctypes.c_size_t()
            address = self.lib.coreheap_output(job, ctypes.byref(length))
            output = ctypes.string_at(address, length.value).decode()
            return status, output, self.lib.coreheap_job_error(job).decode()
        finally:
            self.lib.coreheap_job_free(job)

    def test_types_finds_the_objects_that_are_kept(self):
        status, output, error = self.run_line("types --format json")
        self.assertEqual(status, 0, error)
        report = json.loads(output)
        self.assertEqual(report["schema"], 1)
        objects = {row["type"]: row["objects"] for row in report["rows"]}
        self.assertEqual(objects["__main__.Leaked"], len(self.kept))

    def test_show_names_the_type_of_an_address(self):
        status, output, error = self.run_line("show %#x --format json" % id(self.kept[0]))
        self.assertEqual(status, 0, error)
        values = {}
        for section in json.loads(output)["sections"]:
            values.update(section["values"])
        self.assertEqual(values["type"], "__main__.Leaked")
        self.assertEqual(values["object"], "%#x" % id(self.kept[0]))

    def test_every_format_of_every_table_can_be_read(self):
        names = [line.split("\t")[0] for line in self.lib.coreheap_commands(self.session).decode().splitlines()]
        self.assertIn("types", names)
        for line in ("heap", "info", "types", "used", "free", "all", "sizes", "arenas", "arena 0", "bins",
                     "pymalloc", "show %#x" % id(self.kept), "x %#x 64" % id(self.kept)):
            with self.subTest(line=line):
                status, output, error = self.run_line(line + " --format json")
                self.assertIn(status, (0, 3), error)
                report = json.loads(output)
                self.assertEqual(
                    set(report), {"schema", "tool", "target", "command", "columns", "rows", "totals",
                                  "sections", "coverage", "findings", "next"})
                status, output, error = self.run_line(line + " --format jsonl")
                rows = [json.loads(row) for row in output.splitlines()]
                self.assertTrue(all(isinstance(row, dict) for row in rows))
                self.assertIn(status, (0, 3), error)

    def test_sums_of_the_waterfall_and_of_export_agree(self):
        status, output, error = self.run_line("heap --format json")
        self.assertIn(status, (0, 3), error)
        report = json.loads(output)
        self.assertEqual(sum(row["bytes"] for row in report["rows"]), report["totals"]["bytes"])
        status, output, error = self.run_line("export --format jsonl --columns size,state,domain,allocator")
        live = sum(row["size"] for row in map(json.loads, output.splitlines())
                   if row["state"] == "used" and row["allocator"] != "static" and row["domain"] == "python")
        status, output, error = self.run_line("types --format json")
        self.assertEqual(json.loads(output)["totals"]["own"], live)


if __name__ == "__main__":
    unittest.main()
