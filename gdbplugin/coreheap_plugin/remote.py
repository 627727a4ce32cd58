"""Memory that only GDB can read (gdbserver and other stubs), handed to the engine piece by piece.

The engine decides what it needs and asks for it on this thread; GDB answers at network speed. So a
request is served in small pieces, with progress, and Ctrl-C ends it between two of them. In a ctypes
callback a KeyboardInterrupt would be lost (it is raised before the callback's first line and ctypes
drops it): while the engine reads, SIGINT only sets a flag.
"""

import ctypes
import os
import re
import signal
import tempfile

import gdb

from .engine import Failure

_PIECE = 1 << 20
_PAGE = 4096


class InterruptFlag:
    """Within it, Ctrl-C sets `raised` in place of raising KeyboardInterrupt.

    GDB keeps its own SIGINT handler and forwards to Python's. signal.signal() would replace GDB's, so
    the handler of the C library is saved and put back at once: only Python's side changes.
    """

    def __init__(self):
        self.raised = False

    def _set(self, _number, _frame):
        self.raised = True

    def _swap(self, handler):
        libc = ctypes.CDLL(None)
        saved = ctypes.create_string_buffer(1024)  # struct sigaction, with room to spare
        libc.sigaction(signal.SIGINT, None, saved)
        before = signal.signal(signal.SIGINT, handler)
        libc.sigaction(signal.SIGINT, saved, None)
        return before

    def __enter__(self):
        self._before = self._swap(self._set)
        return self

    def __exit__(self, *_error):
        self._swap(self._before if self._before is not None else signal.default_int_handler)


class Reader:
    """read(address, size) -> bytes up to the first hole, or None once cancelled."""

    def __init__(self, inferior, interrupt, report):
        self._inferior = inferior
        self._interrupt = interrupt
        self._report = report
        self.total = 0

    def __call__(self, address, size):
        pieces = []
        done = 0
        while done < size:
            if self._interrupt.raised:
                return None
            piece = self._prefix(address + done, min(_PIECE, size - done))
            if piece is None:
                return None
            pieces.append(piece)
            done += len(piece)
            self.total += len(piece)
            self._report("reading through GDB: %d MiB" % (self.total >> 20))
            if len(piece) < min(_PIECE, size - done + len(piece)):
                break
        return b"".join(pieces)

    def _prefix(self, address, size):
        """What can be read of [address, address + size) from its start."""
        got = b""
        while size > 0:
            try:
                return got + bytes(self._inferior.read_memory(address, size))
            except KeyboardInterrupt:
                self._interrupt.raised = True
                return None
            except gdb.error:
                half = self._half(address, size)
                if half == 0:
                    return got
                try:
                    got += bytes(self._inferior.read_memory(address, half))
                except KeyboardInterrupt:
                    self._interrupt.raised = True
                    return None
                except gdb.error:
                    size = half
                    continue
                address, size = address + half, size - half
        return got

    @staticmethod
    def _half(address, size):
        """About half of the range, ending at a page; 0 when it lies within one page."""
        middle = (address + size // 2 + _PAGE - 1) & ~(_PAGE - 1)
        if middle >= address + size:
            middle = (address + size - 1) & ~(_PAGE - 1)
        return max(0, middle - address)


def open_through_gdb(engine, inferior, threads, options, report):
    maps = _maps(inferior.pid)
    auxv = _remote_file("/proc/%d/auxv" % inferior.pid) or b""
    name = "process %d of the remote target" % inferior.pid
    with InterruptFlag() as interrupt:
        reader = Reader(inferior, interrupt, report)
        try:
            engine.open_regions(name, maps, auxv, threads, reader, options)
        except Failure:
            if not interrupt.raised:
                raise
    if interrupt.raised:
        raise KeyboardInterrupt


def _remote_file(path):
    """A file of the target's machine through the stub, or None."""
    with tempfile.TemporaryDirectory(prefix="coreheap-") as folder:
        copy = os.path.join(folder, "copy")
        try:
            gdb.execute("remote get %s %s" % (path, copy), to_string=True)
            with open(copy, "rb") as file:
                return file.read()
        except (gdb.error, OSError):
            return None


def _maps(pid):
    text = _remote_file("/proc/%d/maps" % pid)
    if text:
        return os.fsdecode(text)
    try:
        return maps_from_mappings(gdb.execute("info proc mappings", to_string=True))
    except gdb.error as error:
        raise Failure("the remote stub gives no memory map: %s\n"
                      "run coreheap beside the process, or:  generate-core-file  and  core-file"
                      % str(error).strip())


def maps_from_mappings(text):
    """/proc/PID/maps from `info proc mappings`: start, end, size, offset, permissions (GDB 12 on), file.
    GDB 18 pads addresses with zeros, the kernel does to eight digits. Without permissions every mapping is
    taken as private and writable, so that nothing is left out."""
    lines = []
    pattern = re.compile(r"^\s*0x0*([0-9a-f]+)\s+0x0*([0-9a-f]+)\s+0x[0-9a-f]+\s+0x0*([0-9a-f]+)"
                         r"(?:\s+([r-][w-][x-][ps-]))?(?:\s+(\S.*?))?\s*$")
    for line in text.splitlines():
        match = pattern.match(line)
        if match:
            start, end, offset, permissions, path = match.groups()
            lines.append("%s-%s %s %s 00:00 0 %s"
                         % (start.zfill(8), end.zfill(8), permissions or "rw-p", offset.zfill(8), path or ""))
    if not lines:
        raise Failure("the remote stub gives no memory map\n"
                      "run coreheap beside the process instead")
    return "\n".join(line.rstrip() for line in lines) + "\n"
