"""One engine and the target it holds: a command line goes in, its report comes out, Ctrl-C ends it.

Invariant: between two commands nothing is half open. A job's handle is released before its text is
printed, so a `q` at the pager leaves nothing behind; a cancelled job is joined before GDB prints Quit.
"""

import gdb

from . import output, query, target, watch
from .engine import (CANCELLED, FOUND, NO_REPORT, OK, PARTIAL, RUNNING, WRONG_USAGE, Failure)

_STEP_MS = 20
_MACHINE_FORMATS = ("json", "jsonl", "csv")


class Session:
    def __init__(self, engine):
        self.engine = engine
        self.watch = watch.Watch(self.retire)
        self._open_key = None
        self._told = None  # generation whose stop the user was told the length of

    def retire(self):
        if self._open_key is not None:
            self._open_key = None
            self.engine.retire()

    def close(self):
        """Cancels and joins what still runs. May be called more than once."""
        self._open_key = None
        self.engine.close()

    def run(self, line, from_tty, needs_target=True):
        """Answers the command `line` on GDB's screen; gdb.GdbError when it cannot."""
        progress = output.Progress(from_tty)
        try:
            self.engine.check()
            opened = self._open(progress) if needs_target else None
            result = self._finish(self.engine.run(line, output.width(), output.style(from_tty)), progress)
        except Failure as error:
            raise gdb.GdbError(str(error).rstrip())
        finally:
            progress.clear()
        self._publish(result)
        if opened is not None and opened.live:
            self._tell_pause(opened, line)
        _show(result)

    def query(self, text):
        """The rows of a query about what GDB has open; engine.Failure when it has none."""
        progress = output.Progress(False)
        try:
            self.engine.check()
            self._open(progress)
            return query.run(self.engine, text, self._wait)
        finally:
            progress.clear()

    def _wait(self, handle):
        status = query.wait_for(self.engine._library, handle)
        if status == CANCELLED:
            raise KeyboardInterrupt
        return status

    def _open(self, progress):
        """Makes the engine hold what GDB has open now."""
        found = target.current()
        key = found.key + (self.watch.generation,)
        if key != self._open_key:
            self.retire()
            found.open(self.engine, progress)
            self._open_key = key
        return found

    def _finish(self, job, progress):
        """Polls until the job's end. Ctrl-C, or nobody left to read the report, cancels and joins it."""
        try:
            try:
                status = RUNNING
                while status == RUNNING:
                    status = job.poll(_STEP_MS)
                    progress(job.progress())
                    if output.terminal_is_gone():
                        raise KeyboardInterrupt
            except KeyboardInterrupt:
                job.cancel()
                _join(job)
                raise
            if status == CANCELLED:
                raise KeyboardInterrupt
            return job.result(status)
        finally:
            job.close()

    def _publish(self, result):
        if result.address:
            pointer = gdb.Value(result.address).cast(gdb.lookup_type("void").pointer())
            gdb.set_convenience_variable("_", pointer)
        gdb.set_convenience_variable("_coreheap_status", result.status)

    def _tell_pause(self, opened, line):
        """The first report of a stop begins with how long the process has been waiting for us."""
        words = line.replace("=", " ").split()
        to_machine = any(word in _MACHINE_FORMATS for word in words) or "-o" in words
        if to_machine or self._told == self.watch.generation:
            return
        self._told = self.watch.generation
        seconds, exact = self.watch.stopped_for()
        output.write("%s, stopped by GDB for %s%.1f s\n"
                     % (opened.label, "" if exact else "at least ", seconds))


def _join(job):
    """Waits for a cancelled job. More Ctrl-C must not leave it running behind GDB's back."""
    while True:
        try:
            while job.poll(_STEP_MS) == RUNNING:
                pass
            return
        except KeyboardInterrupt:
            continue


def _show(result):
    text = result.output
    error = result.error.strip()
    if text:
        output.write(text if text.endswith("\n") else text + "\n")
    if result.status in (NO_REPORT, WRONG_USAGE) or result.status not in (OK, PARTIAL, FOUND):
        raise gdb.GdbError(error or "no report (status %d)" % result.status)
    if error:
        output.warn(error + "\n")
