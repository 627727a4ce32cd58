"""Queries from Python: `import coreheap`, inside GDB and outside.

Outside GDB, with this folder on sys.path:

    with coreheap.open("core.1234") as heap:
        for row in heap.query('type == "dict" and len > 1000 | show addr, len'):
            print(hex(row.addr), row.len)

Inside GDB the plugin has made the module known: `coreheap.query("...")` is about what GDB has open.
Needs the standard library only, and libcoreheap.so beside it (or COREHEAP_LIBRARY).
"""

import os

from coreheap_plugin import engine as _engine
from coreheap_plugin import query as _query

Failure = _engine.Failure

_in_gdb = None  # how the plugin answers a query, when there is one


class Heap:
    """One core or process. Queries of it are answered until it is closed."""

    def __init__(self, target, options=""):
        library = os.environ.get("COREHEAP_LIBRARY")
        folder = os.path.dirname(os.path.realpath(__file__))
        reasons = []
        self._engine = None
        for path in [library] if library else _engine._library_candidates(folder):
            try:
                self._engine = _engine.LibraryEngine(path)
                break
            except _engine.Unavailable as error:
                reasons.append(str(error))
        if self._engine is None:
            raise Failure("libcoreheap.so cannot be loaded: %s" % ("; ".join(reasons) or "not found near " + folder))
        if isinstance(target, int):
            self._engine.open_pid(target, options)
        else:
            self._engine.open_core(os.fspath(target), options)

    def query(self, text):
        """The rows that a query of the language of `select` asks for: an iterator with a length."""
        library = self._engine._library
        return _query.run(self._engine, text, lambda handle: _query.wait_for(library, handle))

    def run(self, line):
        """The text that a command answers, as on the command line."""
        job = self._engine.run(line, 0, False)
        try:
            result = job.result(_query.wait_for(self._engine._library, job._handle))
        finally:
            job.close()
        if result.status in (_engine.NO_REPORT, _engine.WRONG_USAGE):
            raise Failure(result.error or "no report")
        return result.output

    def close(self):
        self._engine.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def open(target, options=""):
    """A core file by its path, or a process by its number."""
    return Heap(target, options)


def query(text):
    """Inside GDB: the rows of a query about what GDB has open."""
    if _in_gdb is None:
        raise Failure("coreheap is not loaded in GDB: source coreheap_gdb.py, or use coreheap.open")
    return _in_gdb(text)
