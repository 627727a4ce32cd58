"""The engine as a program beside GDB, for a GDB that cannot load the library (an old libc, no ctypes).

The same contract as engine.LibraryEngine: command line in, text out, job, poll, cancel. The program's
output goes to unnamed temporary files, never to pipes read by a thread: GDB needs its signals on the
main thread, and a file has no reader to wait for.
"""

import glob
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

from .engine import CANCELLED, RUNNING, Failure, Result, Unavailable

_GRACE_SECONDS = 2.0  # between asking a cancelled program to end and ending it
_HELP_SECONDS = 5.0


def find(folder, environment):
    """Path of the program, or Unavailable."""
    named = environment.get("COREHEAP_PROGRAM")
    if named:
        if os.access(named, os.X_OK):
            return named
        raise Unavailable("COREHEAP_PROGRAM names %s, which cannot be run" % named)
    prefix = os.path.dirname(os.path.dirname(os.path.dirname(folder)))
    checkout = os.path.join(glob.escape(os.path.dirname(folder)), "build", "*", "bin", "coreheap")
    candidates = [os.path.join(prefix, "bin", "coreheap")]
    candidates += sorted(glob.glob(checkout), key=os.path.getmtime, reverse=True)
    for path in candidates:
        if os.access(path, os.X_OK):
            return path
    path = shutil.which("coreheap", path=environment.get("PATH"))
    if path:
        return path
    raise Unavailable("no program coreheap in PATH")


def _split(line):
    try:
        return shlex.split(line)
    except ValueError as error:
        raise Failure("cannot read the command line: %s" % error)


class ProgramJob:
    def __init__(self, argv, environment):
        self._started = time.monotonic()
        self._cancelled_at = None
        self._out = tempfile.TemporaryFile()
        self._err = tempfile.TemporaryFile()
        try:
            # A session of its own: the terminal's Ctrl-C reaches it through cancel() only.
            self._process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self._out,
                                             stderr=self._err, env=environment, start_new_session=True)
        except OSError as error:
            self._out.close()
            self._err.close()
            raise Failure("%s cannot be run: %s" % (argv[0], error.strerror))

    def poll(self, timeout_ms):
        try:
            status = self._process.wait(timeout_ms / 1000.0)
        except subprocess.TimeoutExpired:
            if (self._cancelled_at is not None
                    and time.monotonic() - self._cancelled_at > _GRACE_SECONDS):
                self._process.kill()
            return RUNNING
        if self._cancelled_at is not None:
            return CANCELLED
        return status if status >= 0 else 1

    def progress(self):
        return "coreheap %.0f s" % (time.monotonic() - self._started)

    def cancel(self):
        if self._cancelled_at is None:
            self._cancelled_at = time.monotonic()
            if self._process.poll() is None:
                self._process.send_signal(signal.SIGINT)

    @staticmethod
    def _read(file):
        file.seek(0)
        return file.read().decode("utf-8", "replace")

    def result(self, status):
        error = self._read(self._err)
        code = self._process.returncode
        if code is not None and code < 0 and self._cancelled_at is None and not error:
            error = "the program coreheap died from signal %d" % -code
        return Result(status, self._read(self._out), error, 0)

    def close(self):
        if self._process.poll() is None:
            self.cancel()
            while self.poll(50) == RUNNING:
                pass
        self._out.close()
        self._err.close()


class ProgramEngine:
    """Runs `coreheap -c CORE …` or `coreheap -p PID --no-stop …` for every command.

    GDB holds a live process stopped by ptrace, so the program must not try to stop it again; what it
    reads is as still as what GDB reads.
    """

    reads_through_host = False

    def __init__(self, path, reasons):
        self.where = path
        self.reason = "; ".join(reasons)
        self._target = []
        self._help = {}
        self._job = None

    def version(self):
        return self._ask(["--version"]).strip()

    def check(self):
        pass

    def open_core(self, path, options):
        self._target = ["-c", path] + _split(options)

    def open_held(self, pid, _threads, options):
        self._target = ["-p", str(pid), "--no-stop"] + _split(options)

    def open_regions(self, *_arguments):
        raise Failure("memory that only GDB can read needs the library: %s\n"
                      "run coreheap beside the process instead" % self.reason)

    def retire(self):
        self._target = []

    def run(self, line, width, style):
        environment = dict(os.environ)
        environment.pop("COLUMNS", None)  # GDB sets its own screen's for what it runs
        if width:
            environment["COLUMNS"] = str(width)
        if not style:
            environment["NO_COLOR"] = "1"
        self._job = ProgramJob([self.where] + self._target + self._words(line), environment)
        return self._job

    def _words(self, line):
        """The line's words; of a command whose usage says that it takes a query the rest as it is."""
        parts = line.split(None, 1)
        if len(parts) == 2 and "QUERY" in self.help(parts[0]).split("\n")[0]:
            return parts
        return _split(line)

    def _ask(self, arguments):
        try:
            done = subprocess.run([self.where] + arguments, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  timeout=_HELP_SECONDS, start_new_session=True)
        except (OSError, subprocess.SubprocessError):
            return ""
        return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""

    def commands(self):
        """The list that `help all` prints: indented names, two spaces, their summaries."""
        rows = re.findall(r"(?m)^ +([a-z][a-z0-9_-]*) {2,}(\S.*)$", self._ask(["help", "all"]))
        return list(dict(rows).items())

    def help(self, name):
        if name not in self._help:
            self._help[name] = self._ask(["help", name])
        return self._help[name]

    def complete(self, line):
        words = line.split()
        last = "" if not words or line[-1:].isspace() else words[-1]
        if len(words) < 2 - (last == "") or not last.startswith("-"):
            return []
        options = re.findall(r"(?<![\w-])--[a-z][a-z-]*", self.help(words[0]))
        return [option for option in sorted(set(options)) if option.startswith(last)]

    def close(self):
        job, self._job = self._job, None
        if job is not None:
            try:
                job.close()
            except ValueError:  # its files are closed already
                pass
