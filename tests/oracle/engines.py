"""coreheap under test: the program, a process a command, and the library, one session for many commands.

Invariant: whoever asks gets a whole file or a RuntimeError that says what failed.
"""

import os
import shlex
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "gdbplugin"))
from coreheap_plugin import engine                        # noqa: E402

GOOD = (engine.OK, engine.PARTIAL, engine.FOUND)


def check(command, status, said, out):
    if status not in GOOD or not os.path.exists(out):
        raise RuntimeError("%s: exit %d: %s" % (command, status, said.strip()[-400:]))


def run_program(options, settings, target, words, out):
    command = [options.coreheap, *settings, target, *words, "-o", out]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                              timeout=options.timeout)
    except subprocess.TimeoutExpired:
        raise RuntimeError("%s: no end within %d s" % (" ".join(command), options.timeout))
    check(" ".join(command), done.returncode, done.stderr, out)


class Session:
    """A target opened once by the library beside the program, through the plugin's own binding."""

    def __init__(self, options, settings, target):
        folder = os.path.dirname(os.path.dirname(os.path.abspath(options.coreheap)))
        self._title, self._timeout = "%s %s" % (shlex.join(settings), target), options.timeout
        try:
            self._engine = engine.LibraryEngine(os.path.join(folder, "lib", "libcoreheap.so"))
            if target.isdigit():
                self._engine.open_pid(int(target), shlex.join(settings))
            else:
                self._engine.open_core(target, shlex.join(settings))
        except (engine.Unavailable, engine.Failure) as error:
            raise RuntimeError("%s: %s" % (self._title, error))

    def run(self, words, out):
        command = shlex.join([*words, "-o", out])
        job = self._engine.run(command, 0, False)
        try:
            end = time.monotonic() + self._timeout
            while (status := job.poll(1000)) == engine.RUNNING:
                if time.monotonic() > end:
                    raise RuntimeError("library: %s: %s: no end within %d s" % (self._title, command, self._timeout))
            check("library: %s: %s" % (self._title, command), status, job.result(status).error, out)
        finally:
            job.close()                                   # cancels what still runs

    def close(self):
        self._engine.close()
