"""What the end-to-end tests share: a GDB in batch, a GDB in a terminal, processes and cores to look at.

Every process started here is ended by its own handle, and a terminal is a tmux server of its own socket.
"""

import atexit
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
BUILD = os.environ.get("COREHEAP_BUILD", "")
PLUGIN = os.environ.get("COREHEAP_E2E_PLUGIN") or os.path.join(SOURCE, "gdbplugin", "coreheap_gdb.py")
FAKE = os.environ.get("COREHEAP_E2E_FAKE", "")
GDB = os.environ.get("COREHEAP_E2E_GDB", "gdb")
PYTHON = os.environ.get("COREHEAP_E2E_PYTHON") or ("/usr/bin/python3" if os.path.exists("/usr/bin/python3")
                                                  else sys.executable)
SCRATCH = tempfile.mkdtemp(prefix="coreheap-e2e-")
atexit.register(shutil.rmtree, SCRATCH, True)


def needs(program):
    """Decorator: the test is skipped, by name, where `program` is not installed."""
    return unittest.skipUnless(shutil.which(program), "%s is not installed" % program)


def needs_shell():
    """Decorator: skipped where the GDB under test has no shell to run things with."""
    return unittest.skipIf(os.environ.get("COREHEAP_E2E_NO_SHELL"), os.environ.get("COREHEAP_E2E_NO_SHELL"))


def can_trace():
    """Decorator: skipped where this user may not attach to its own children's siblings."""
    try:
        with open("/proc/sys/kernel/yama/ptrace_scope") as file:
            closed = file.read().strip() != "0" and os.geteuid() != 0
    except OSError:
        closed = False
    return unittest.skipIf(closed, "yama's ptrace_scope keeps GDB from attaching")


def environment(library=FAKE, **changes):
    """The tests' environment: no colours, no debuginfod, the engine under test. None removes."""
    env = dict(os.environ)
    for name in ("DEBUGINFOD_URLS", "NO_COLOR", "COREHEAP_LIBRARY", "COREHEAP_PROGRAM", "COLUMNS", "LINES",
                 "PYTHONHOME", "PYTHONPATH", "COREHEAP_BUILD"):
        env.pop(name, None)
    env.update(LC_ALL="C.UTF-8", TERM="screen-256color")
    if library:
        env["COREHEAP_LIBRARY"] = library
    for name, value in changes.items():
        env.pop(name, None)
        if value is not None:
            env[name] = value
    return env


class Ran:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return "status %r\n--- stdout\n%s\n--- stderr\n%s" % (self.status, self.out, self.err)


def gdb(*commands, **options):
    """Runs GDB in batch: options `args` (its arguments), `env`, `plugin` (None: not sourced), `before`
    (commands ahead of the plugin)."""
    argv = [options.get("gdb", GDB), "-q", "-nx", "-batch", "-iex", "set confirm off", "-iex",
            "set debuginfod enabled off", "-iex", "set auto-load off"]
    argv += options.get("args", [])
    for command in options.get("before", []):
        argv += ["-ex", command]
    plugin = options.get("plugin", PLUGIN)
    if plugin:
        argv += ["-ex", "source " + plugin]
    for command in commands:
        argv += ["-ex", command]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=options.get("env") or environment(), timeout=options.get("timeout", 120))
    return Ran(done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace"))


def wait_until(what, timeout=20.0, every=0.01):
    """The first true value of what(), or its last value at the timeout."""
    end = time.monotonic() + timeout
    while True:
        value = what()
        if value or time.monotonic() > end:
            return value
        time.sleep(every)


def gone(pid):
    """Has the process ended? A container's first process may never bury it: a zombie has ended too."""
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def mask(text):
    """Addresses, pids and times as words, so that what is stable can be compared."""
    text = re.sub(r"0x[0-9a-f]{6,16}", "ADDRESS", text)
    text = re.sub(r"\b[0-9]+\.[0-9]+ s\b", "TIME s", text)
    return re.sub(r"(process|pid|held|thread) [0-9]+", r"\1 PID", text)


class Target:
    """A Python process with a known heap and threads that wait. Ended at the end of the `with`."""

    PROGRAM = """
import gc, sys, threading, time
class Node:
    def __init__(self, i): self.i = i; self.name = 'node-%d' % i
nodes = [Node(i) for i in range(1000)]
gc.collect()
gc.disable()
for _ in range(3):
    ring = []
    ring.append([ring])
del ring
for _ in range({threads}):
    threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
print('ready', flush=True)
{body}
"""

    def __init__(self, threads=2, body="time.sleep(1000)", python=PYTHON):
        self._source = self.PROGRAM.format(threads=threads, body=body)
        self._python = python

    def __enter__(self):
        self.process = subprocess.Popen([self._python, "-c", self._source], stdout=subprocess.PIPE,
                                        stdin=subprocess.DEVNULL, start_new_session=True)
        assert self.process.stdout.readline() == b"ready\n"
        self.pid = self.process.pid
        time.sleep(0.05)  # its threads are in their sleep
        return self

    def alive(self):
        return self.process.poll() is None

    def state(self):
        with open("/proc/%d/stat" % self.pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0]

    def __exit__(self, *_error):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


_cores = {}


def core(name="first"):
    """A core of a Python process, made by GDB once per name; (path, pid it had)."""
    if name not in _cores:
        path = os.path.join(SCRATCH, "%s core" % name if "blank" in name else "%s.core" % name)
        with Target() as target:
            ran = gdb("gcore " + path, args=["-p", str(target.pid)], plugin=None)
            assert os.path.exists(path), ran
            _cores[name] = (path, target.pid)
    return _cores[name]


class Terminal:
    """GDB in a tmux window of 100 by 30."""

    def __init__(self, args=(), env=None, columns=100, rows=30, plugin=PLUGIN, gdb=GDB, settings=()):
        self._socket = os.path.join(SCRATCH, "tmux-%d-%d" % (os.getpid(), time.monotonic_ns()))
        argv = [gdb, "-q", "-nx", "-iex", "set confirm off", "-iex", "set debuginfod enabled off", "-iex",
                "set auto-load off"]
        for setting in settings:
            argv += ["-iex", setting]
        argv += list(args)
        if plugin:
            argv += ["-ex", "source " + plugin]
        env = environment() if env is None else env
        shell = ["env", "-i"] + ["%s=%s" % pair for pair in sorted(env.items())] + argv
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows), *shell)
        self._tmux("set-option", "-g", "remain-on-exit", "on")

    def _tmux(self, *words):
        return subprocess.run(["tmux", "-S", self._socket] + list(words), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=20).stdout.decode("utf-8", "replace")

    def __enter__(self):
        if not self.wait_for(r"\(gdb\) $"):
            screen = self.screen()
            self.__exit__()
            raise AssertionError("no prompt:\n" + screen)
        return self

    def __exit__(self, *_error):
        pid = self.pid()
        self._tmux("kill-server")
        if pid and not wait_until(lambda: gone(pid), 5):
            os.kill(pid, signal.SIGKILL)

    def pid(self):
        text = self._tmux("list-panes", "-F", "#{pane_pid}").strip()
        return int(text) if text.isdigit() else 0

    def close(self):
        """Closes the window under GDB, as a lost connection does."""
        self._tmux("kill-server")

    def type(self, text):
        self._tmux("send-keys", "-l", text)

    def key(self, name):
        self._tmux("send-keys", name)

    def line(self, text):
        self.type(text)
        self.key("Enter")

    def screen(self, colours=False):
        text = self._tmux("capture-pane", "-p", "-J", *(["-e"] if colours else []))
        return re.sub(r"\n+$", "", "\n".join(line.rstrip() if line.rstrip() != "(gdb)" else "(gdb) "
                                             for line in text.split("\n")))

    def wait_for(self, pattern, timeout=30.0):
        """The screen once `pattern` is on it, or "" at the timeout."""
        def shown():
            text = self.screen()
            return text if re.search(pattern, text) else ""

        return wait_until(shown, timeout)

    def run(self, command, timeout=30.0):
        """Types a command on an empty screen; what it printed once the prompt is back."""
        self.clear()
        self.line(command)
        screen = self.wait_for(re.escape(command[:60]) + r"(.|\n)*\n\(gdb\) $", timeout)
        if not screen:
            raise AssertionError("no prompt after %s:\n%s" % (command, self.screen()))
        return screen.split("\n", 1)[1].rsplit("\n", 1)[0]

    def clear(self):
        self.key("C-l")
        if not self.wait_for(r"^\(gdb\) $", 10):
            raise AssertionError("the screen cannot be cleared:\n" + self.screen())
