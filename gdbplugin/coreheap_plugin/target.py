"""What GDB has open, as something the engine can open.

`current()` looks at the selected inferior and answers with a Target: how to open it, and a key that is
equal exactly while what was read is still true. The kind comes from the connection's type, never from
the pid: a core carries the pid of the process it was, which may be a stranger's now.
"""

import os
import re
import shlex
from collections import namedtuple

import gdb

from . import remote
from .engine import Failure, Thread

NO_TARGET = "no process or core: use  attach PID  or  core-file FILE"

# label: how the target is called in messages. live: it is a process that waits for us.
Target = namedtuple("Target", "label key live open")


def current():
    """The Target that GDB has open; Failure with the cure when there is none that can be read."""
    inferior = gdb.selected_inferior()
    kind, connection = _connection(inferior)
    if kind == "core":
        return _core(inferior, connection)
    if not inferior.is_valid() or not inferior.pid or not inferior.threads():
        raise Failure(NO_TARGET)
    _refuse_running(inferior)
    if kind == "native":
        return _held(inferior, connection)
    return _remote(inferior, connection)


def exists():
    """Is there anything to read, running or not? Never raises."""
    inferior = gdb.selected_inferior()
    return _connection(inferior)[0] == "core" or bool(inferior.pid)


def _connection(inferior):
    connection = getattr(inferior, "connection", None)
    if connection is not None:
        return connection.type, connection.num
    if hasattr(inferior, "connection"):  # GDB 12 on, and nothing is connected
        return None, 0
    text = gdb.execute("info files", to_string=True)
    if "core dump" in text:
        return "core", 0
    return ("remote" if "emote" in text else "native"), 0


def _core(inferior, connection):
    path = core_path(inferior)
    if path is None:
        raise Failure("GDB does not say which file the core is\n"
                      "analyse it outside:  coreheap -c FILE")
    try:
        stat = os.stat(path)
    except OSError as error:
        raise Failure("core %s: %s" % (path, error.strerror))
    key = ("core", inferior.num, connection, path, stat.st_dev, stat.st_ino, stat.st_size,
           stat.st_mtime_ns)
    return Target("core " + path, key, False, lambda engine, report: engine.open_core(path, _options()))


def core_path(inferior):
    """The core's absolute path: asked for where GDB has words for it (18), else read off `info files`,
    whose text is translated but whose quotes and order are not."""
    corefile = getattr(inferior, "corefile", None)
    if corefile is not None:
        return corefile.filename
    text = gdb.execute("info files", to_string=True)
    for line in text.splitlines():
        # Of all sections named there only the core's own is a core: other files are executables.
        match = re.match(r"^\t.(.+)', \S.* elf\S*\.$", line) or re.match(r"^\t.(.+)', file type \S+$", line)
        if match and _is_core_file(match.group(1)):
            return match.group(1)
    return None


def _is_core_file(path):
    try:
        with open(path, "rb") as file:
            head = file.read(18)
    except OSError:
        return False
    return head[:4] == b"\x7fELF" and head[16:18] == b"\x04\x00"  # e_type ET_CORE


def _held(inferior, connection):
    pid = inferior.pid

    def open_it(engine, _report):
        engine.open_held(pid, threads(inferior), _options())

    return Target("process %d" % pid, ("native", inferior.num, connection, pid), True, open_it)


def _remote(inferior, connection):
    pid = inferior.pid

    def open_it(engine, report):
        if not engine.reads_through_host:
            engine.open_regions()  # says why it cannot
        remote.open_through_gdb(engine, inferior, threads(inferior), _options(), report)

    return Target("process %d of the remote target" % pid, ("remote", inferior.num, connection, pid),
                  True, open_it)


def _refuse_running(inferior):
    running = [thread for thread in inferior.threads() if thread.is_running()]
    if running:
        what = ("thread %d is" % running[0].num if len(running) == 1
                else "%d of %d threads are" % (len(running), len(inferior.threads())))
        raise Failure("%s running: memory would change while it is read\n"
                      "stop everything first:  interrupt -a" % what)


def threads(inferior):
    """[Thread] with the registers that tell stacks and thread-locals apart. The user's selected thread
    and frame are as before afterwards, whatever happens."""
    selected = gdb.selected_thread()
    frame = _selected_frame()
    found = []
    try:
        for thread in inferior.threads():
            if not thread.is_valid() or not thread.is_stopped():
                continue
            thread.switch()
            newest = gdb.newest_frame()
            found.append(Thread(thread.ptid[1] or thread.ptid[2], _register(newest, "fs_base", "tpidr"),
                                _register(newest, "sp"), _register(newest, "pc")))
    finally:
        if selected is not None and selected.is_valid():
            selected.switch()
            if frame is not None and frame.is_valid():
                frame.select()
    return found


def _selected_frame():
    try:
        return gdb.selected_frame()
    except gdb.error:
        return None


def _register(frame, *names):
    for name in names:
        try:
            return int(frame.read_register(name)) & 0xFFFFFFFFFFFFFFFF
        except (gdb.error, ValueError):
            continue
    return 0


def _options():
    """GDB's own settings, as the command line's options that mean the same."""
    options = []
    sysroot = gdb.parameter("sysroot") or ""
    if sysroot not in ("", "/") and not sysroot.startswith(("target:", "remote:")) and os.path.isdir(sysroot):
        options += ["--sysroot", sysroot]
    return " ".join(shlex.quote(option) for option in options)
