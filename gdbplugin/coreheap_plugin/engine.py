"""The engine inside this process: a ctypes binding of capi/coreheap.h.

It holds no analysis. The contract is small on purpose, so that program.py can keep it too: a command
line goes in, a job comes out; the job is polled, may be cancelled, and ends with text and a status.

Nothing here blocks for long: a ctypes call that blocked would swallow Ctrl-C until it returned, so jobs
are polled in short steps and the one call that reads through GDB (`open_regions`) reads in pieces.
"""

import ctypes
import glob
import os
from collections import namedtuple

ABI_VERSION = 1
RUNNING = -1
CANCELLED = 130
OK, NO_REPORT, WRONG_USAGE, PARTIAL, FOUND = 0, 1, 2, 3, 4

CANCEL_READ = ctypes.c_size_t(-1).value

Result = namedtuple("Result", "status output error address")


class Failure(Exception):
    """The engine could not do what was asked; the text is for the user."""


class Unavailable(Exception):
    """There is no engine of this kind here; the text says why."""


class Thread(ctypes.Structure):
    _fields_ = [
        ("tid", ctypes.c_uint64),
        ("thread_pointer", ctypes.c_uint64),
        ("stack_pointer", ctypes.c_uint64),
        ("program_counter", ctypes.c_uint64),
    ]


ReadFunction = ctypes.CFUNCTYPE(
    ctypes.c_size_t, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_size_t)

_SESSION = _JOB = ctypes.c_void_p
_TEXT = ctypes.c_char_p
_FUNCTIONS = {
    "coreheap_version": (_TEXT, []),
    "coreheap_session_new": (_SESSION, []),
    "coreheap_session_free": (None, [_SESSION]),
    "coreheap_last_error": (_TEXT, [_SESSION]),
    "coreheap_open_core": (ctypes.c_int, [_SESSION, _TEXT, _TEXT]),
    "coreheap_open_pid": (ctypes.c_int, [_SESSION, ctypes.c_uint64, _TEXT]),
    "coreheap_open_held": (ctypes.c_int, [_SESSION, ctypes.c_uint64, ctypes.POINTER(Thread),
                                          ctypes.c_size_t, _TEXT]),
    "coreheap_open_regions": (ctypes.c_int, [_SESSION, _TEXT, _TEXT, ctypes.c_void_p, ctypes.c_size_t,
                                             ctypes.POINTER(Thread), ctypes.c_size_t, ReadFunction,
                                             ctypes.c_void_p, _TEXT]),
    "coreheap_retire": (None, [_SESSION]),
    "coreheap_run": (_JOB, [_SESSION, _TEXT, ctypes.c_int, ctypes.c_int]),
    "coreheap_poll": (ctypes.c_int, [_JOB, ctypes.c_int]),
    "coreheap_progress": (_TEXT, [_JOB]),
    "coreheap_cancel": (None, [_JOB]),
    # Not c_char_p: the report may hold NUL bytes, its length comes beside it.
    "coreheap_output": (ctypes.c_void_p, [_JOB, ctypes.POINTER(ctypes.c_size_t)]),
    "coreheap_job_error": (_TEXT, [_JOB]),
    "coreheap_result_address": (ctypes.c_uint64, [_JOB]),
    "coreheap_job_free": (None, [_JOB]),
    "coreheap_complete": (_TEXT, [_SESSION, _TEXT]),
    "coreheap_commands": (_TEXT, [_SESSION]),
    "coreheap_help": (_TEXT, [_SESSION, _TEXT]),
}


def _text(raw):
    return raw.decode("utf-8", "replace") if raw else ""


def _bytes(text):
    # Paths come from os.fsdecode'd strings and may carry surrogates.
    return text.encode("utf-8", "surrogateescape")


def load_library(path):
    """The library at `path` with its functions typed, or Unavailable with the reason."""
    try:
        library = ctypes.CDLL(path)  # RTLD_LOCAL: its symbols stay out of GDB's way
    except OSError as error:
        raise Unavailable("%s cannot be loaded: %s" % (path, error))
    try:
        library.coreheap_abi_version.restype = ctypes.c_int
        version = library.coreheap_abi_version()
        if version != ABI_VERSION:
            raise Unavailable("%s speaks version %d of the C interface and this plugin version %d: "
                              "they come from different installs" % (path, version, ABI_VERSION))
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype = result
            function.argtypes = arguments
    except AttributeError as error:
        raise Unavailable("%s is not coreheap's library: %s" % (path, error))
    return library


class LibraryJob:
    """One command line being answered. The handle lives until `close`, on every path."""

    def __init__(self, library, handle):
        self._library = library
        self._handle = handle

    def poll(self, timeout_ms):
        return self._library.coreheap_poll(self._handle, timeout_ms)

    def progress(self):
        return _text(self._library.coreheap_progress(self._handle))

    def cancel(self):
        self._library.coreheap_cancel(self._handle)

    def result(self, status):
        length = ctypes.c_size_t(0)
        address = self._library.coreheap_output(self._handle, ctypes.byref(length))
        output = ctypes.string_at(address, length.value) if address and length.value else b""
        return Result(status, output.decode("utf-8", "replace"),
                      _text(self._library.coreheap_job_error(self._handle)),
                      self._library.coreheap_result_address(self._handle))

    def close(self):
        handle, self._handle = self._handle, None
        if handle:
            self._library.coreheap_job_free(handle)


class LibraryEngine:
    """libcoreheap.so in GDB's own process."""

    reads_through_host = True

    def __init__(self, path):
        self._library = load_library(path)
        self.where = path
        self._session = self._library.coreheap_session_new()
        if not self._session:
            raise Unavailable("%s: no memory for a session" % path)

    def version(self):
        return _text(self._library.coreheap_version())

    def check(self):
        """Failure where this engine can answer nothing at all."""
        if not self._session:
            raise Failure("coreheap is closed: source coreheap_gdb.py again")

    def _check(self, status):
        if status != 0:
            raise Failure(_text(self._library.coreheap_last_error(self._session))
                          or "the target cannot be opened (status %d)" % status)

    def open_core(self, path, options):
        self._check(self._library.coreheap_open_core(self._session, _bytes(path), _bytes(options)))

    def open_pid(self, pid, options):
        self._check(self._library.coreheap_open_pid(self._session, pid, _bytes(options)))

    def open_held(self, pid, threads, options):
        self._check(self._library.coreheap_open_held(
            self._session, pid, (Thread * len(threads))(*threads), len(threads), _bytes(options)))

    def open_regions(self, name, maps, auxv, threads, read, options):
        """`read(address, size)` returns bytes, fewer at a hole, or None to cancel."""

        def callback(_context, address, out, size):
            try:
                data = read(address, size)
                if data is None:
                    return CANCEL_READ
                ctypes.memmove(out, data, len(data))
                return len(data)
            except BaseException:  # nothing may leave a callback: ctypes would drop it
                return CANCEL_READ

        function = ReadFunction(callback)
        self._check(self._library.coreheap_open_regions(
            self._session, _bytes(name), _bytes(maps), auxv, len(auxv),
            (Thread * len(threads))(*threads), len(threads), function, None, _bytes(options)))

    def retire(self):
        if self._session:
            self._library.coreheap_retire(self._session)

    def run(self, line, width, style):
        handle = self._library.coreheap_run(self._session, _bytes(line), width, 1 if style else 0)
        if not handle:
            raise Failure("no memory left to start the command")
        return LibraryJob(self._library, handle)

    def complete(self, line):
        return _text(self._library.coreheap_complete(self._session, _bytes(line))).splitlines()

    def commands(self):
        """[(name, summary)], aliases as (alias, "= name")."""
        lines = _text(self._library.coreheap_commands(self._session)).splitlines()
        return [tuple((line + "\t").split("\t")[:2]) for line in lines if line.strip()]

    def help(self, name):
        return _text(self._library.coreheap_help(self._session, _bytes(name)))

    def close(self):
        session, self._session = self._session, None
        if session:
            self._library.coreheap_session_free(session)


class NoEngine:
    """Stands in when there is neither library nor program: every use says why and what to do."""

    reads_through_host = False
    where = None

    def __init__(self, reasons):
        self.reason = "; ".join(reasons)

    def check(self, *_arguments):
        raise Failure("coreheap has no engine: %s\n"
                      "set COREHEAP_LIBRARY to libcoreheap.so or COREHEAP_PROGRAM to coreheap, "
                      "then source coreheap_gdb.py again" % self.reason)

    open_core = open_held = open_regions = run = check

    def retire(self):
        pass

    def complete(self, _line):
        return []

    def commands(self):
        return []

    def help(self, _name):
        return ""

    def close(self):
        pass


def _library_candidates(folder):
    """Where libcoreheap.so may be, best first: the folder's own install or build tree, then the builds
    of the checkout it is sourced from (newest first). Never a bare name: the loader's search path may
    lead to a stranger's."""
    prefix = os.path.dirname(os.path.dirname(os.path.dirname(folder)))
    found = []
    for pattern in ("lib", "lib64", os.path.join("lib", "*-linux-gnu*")):
        found += sorted(glob.glob(os.path.join(glob.escape(prefix), pattern, "libcoreheap.so*")))
    checkout = os.path.join(glob.escape(os.path.dirname(folder)), "build", "*", "lib", "libcoreheap.so")
    found += sorted(glob.glob(checkout), key=os.path.getmtime, reverse=True)
    return found


def find(folder, environment=os.environ):
    """The best engine at hand: the library, else the program, else one that says why there is none."""
    from . import program

    reasons = []
    named = environment.get("COREHEAP_LIBRARY")
    candidates = [named] if named else _library_candidates(folder)
    if not candidates:
        reasons.append("no libcoreheap.so near %s" % folder)
    for path in candidates:
        try:
            return LibraryEngine(path)
        except Unavailable as error:
            reasons.append(str(error))
    try:
        return program.ProgramEngine(program.find(folder, environment), reasons)
    except Unavailable as error:
        reasons.append(str(error))
    return NoEngine(reasons)
