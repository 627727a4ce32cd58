"""Text to GDB's screen: in large strings, through GDB's pager, as plain as the terminal asks."""

import os
import time

import gdb

_CHUNK = 1 << 16
_FIRST_PROGRESS_SECONDS = 0.3
_PROGRESS_EVERY_SECONDS = 0.1


def width():
    """Columns of the screen, 0 for no limit."""
    return gdb.parameter("width") or 0


def style(from_tty):
    """May SGR colour be written? Only to a person's terminal that GDB itself would colour. A `pipe`
    or a log cannot be told apart from here; `set style enabled off` is for them."""
    return bool(from_tty and os.isatty(1) and gdb.parameter("style enabled")
                and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")


def write(text):
    """Prints `text`. A `q` at the pager raises KeyboardInterrupt out of here: callers have nothing open."""
    start = 0
    while start < len(text):
        end = len(text)
        if end - start > _CHUNK:
            line_end = text.rfind("\n", start, start + _CHUNK)
            end = line_end + 1 if line_end >= start else start + _CHUNK
        gdb.write(text[start:end])
        start = end
    gdb.flush()


def warn(text):
    """Text for a person beside the report."""
    gdb.write(text, gdb.STDERR)


def terminal_is_gone():
    """Has the terminal that GDB was started on been closed? GDB learns of it only after the command."""
    return _had_terminal and not os.isatty(0)


_had_terminal = os.isatty(0)


class Progress:
    """One line on the terminal's stderr that rewrites itself; silent where nobody watches.

    It bypasses GDB's streams: a \\r line is not output, the pager must not count it.
    """

    def __init__(self, from_tty):
        # sys.stdout.isatty() is always False within GDB.
        self._shown = bool(from_tty and os.isatty(2) and _bars_enabled())
        self._start = time.monotonic()
        self._next = self._start + _FIRST_PROGRESS_SECONDS
        self._length = 0

    def __call__(self, text):
        now = time.monotonic()
        if not self._shown or now < self._next or not text:
            return
        self._next = now + _PROGRESS_EVERY_SECONDS
        columns = (width() or 80) - 1 - len("^C")
        # A shorter text is padded, so the cursor never moves left of the longest.
        self._length = max(self._length, min(len(text), columns))
        self._put("\r" + text[:columns].ljust(self._length))

    def clear(self):
        if self._length:
            # The terminal's echo of a typed ^C lies behind the text.
            self._put("\r" + " " * (self._length + len("^C")) + "\r")
            self._length = 0

    @staticmethod
    def _put(text):
        try:
            os.write(2, text.encode("ascii", "replace"))
        except OSError:
            pass


def _bars_enabled():
    try:
        return bool(gdb.parameter("progress-bars enabled"))
    except RuntimeError:  # before GDB 18
        return True
