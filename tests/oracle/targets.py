"""Targets and what they say: starting one, parsing its truth, having its cores made.

Invariant: a truth without its last line is an error, never a short truth.
"""

import glob
import json
import os
import resource
import shutil
import signal
import subprocess
import tempfile
import time

import seen

HERE = os.path.dirname(os.path.abspath(__file__))


class Skip(Exception):
    """A reading that this machine cannot give, and why."""


class Truth:
    def __init__(self, path):
        self.objects, self.pointers, self.locals = {}, {}, set()
        self.lines = {}
        complete = False
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                tag, _, rest = line.rstrip("\n").partition(" ")
                if tag == "o":
                    address, size, how, name = rest.split(" ", 3)
                    self.objects[int(address, 16)] = (name, int(size), how)
                elif tag == "p":
                    address, usable = rest.split()
                    self.pointers[int(address, 16)] = int(usable)
                elif tag == "l":
                    self.locals.add(int(rest, 16))
                elif tag == "m":
                    self.meta = json.loads(rest)
                elif tag == "end":
                    complete = True
                else:                            # of a truth_*.py, for its compare_*.py
                    self.lines.setdefault(tag, []).append(rest)
        if not complete:
            raise RuntimeError("the truth is not whole: " + path)
        self.classes = pool_classes(path + ".stats")


def pool_classes(path):
    """Blocks in use by block size, from the last table that sys._debugmallocstats wrote."""
    text = open(path, errors="replace").read()
    at = text.rfind("class   size   num pools")
    found = {}
    for line in text[at:].splitlines()[2:] if at >= 0 else []:
        words = line.split()
        if len(words) != 5 or not words[0].isdigit():
            break
        found[int(words[1])] = int(words[3])
    return found


class Target:
    """A running target: parent parked in pause(), truth written."""

    def __init__(self, entry, options):
        self.entry = entry
        self.seen = seen.Seen()
        self._sized_types, self.malloc, self.preload = None, options.malloc, options.preload
        root = entry["root"]
        self.folder = tempfile.mkdtemp(prefix="oracle-", dir=os.path.join(root, "tmp") if root else options.scratch)
        inside = os.path.join("/", os.path.relpath(self.folder, root)) if root else self.folder
        for pattern in ("target.py", "sizeof_types.py", "heap*.py", "truth_*.py"):
            for path in glob.glob(os.path.join(HERE, pattern)):
                shutil.copy(path, self.folder)

        self.inside = inside
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.process = self.start(["target.py", inside + "/truth", "scale=%d" % options.scale, "threads=%d" % options.threads,
                                   "hold_gil=%d" % options.hold_gil, "twice=%d" % options.selfcheck,
                                   "tracemalloc=%d" % options.tracemalloc, "extensions=%d" % bool(entry.get("extensions"))], self.log, options.tracemalloc)
        self.pid = self.process.pid
        self.truth_path = os.path.join(self.folder, "truth")
        deadline = time.time() + options.timeout
        while not os.path.exists(self.truth_path):
            if self.process.poll() is not None or time.time() > deadline:
                self.close(keep=True)
                said = "".join(open(os.path.join(self.folder, name), errors="replace").read()[-300:]
                               for name in ("truth.stats", "log") if os.path.exists(os.path.join(self.folder, name)))
                raise RuntimeError("no truth from %s (exit %s); see %s\n%s" % (entry["label"], self.process.poll(), self.folder, said))
            time.sleep(.05)

    def start(self, words, out, tracemalloc=0):
        """Runs a script of this folder by the interpreter under test, in its own root."""
        root = self.entry["root"]

        def enter():
            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            if root:
                os.chroot(root)
            os.chdir(self.inside)
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/tmp", "TMPDIR": self.inside}
        if self.malloc:
            environment["PYTHONMALLOC"] = self.malloc
        if self.preload:
            environment["LD_PRELOAD"] = self.preload
        if tracemalloc:
            environment["PYTHONTRACEMALLOC"] = str(tracemalloc)
        command = [self.entry["exe"], "-s", "-B", os.path.join(self.inside, words[0]), *words[1:]]
        return subprocess.Popen(command, preexec_fn=enter, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                close_fds=True)

    def sized_types(self):
        """(names of the types with a __sizeof__ of their own, modules that could not be asked), by sizeof_types.py."""
        if self._sized_types is None:
            process = self.start(["sizeof_types.py"], subprocess.PIPE)
            said = process.communicate(timeout=120)[0].decode("utf-8", "replace").splitlines()
            if process.returncode != 0:
                raise RuntimeError("sizeof_types.py: " + "; ".join(said[-3:]))
            # A module that this version never had is no reason for doubt.
            absent = ("No module named", "is not a package")
            self._sized_types = ({line for line in said if line and not line.startswith("!")},
                                 [line[2:] for line in said if line.startswith("!") and not any(word in line for word in absent)])
        return self._sized_types

    def close(self, keep=False):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def gcore(self):
        path = os.path.join(self.folder, "gcore.core")
        done = subprocess.run(["gdb", "-nx", "-batch", "-p", str(self.pid), "-ex", "gcore " + path],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        if not os.path.exists(path):
            raise Skip("gdb made no core: " + done.stdout.strip()[-200:])
        return path

    def kernel(self):
        pattern = open("/proc/sys/kernel/core_pattern").read().strip()
        if pattern.startswith("|") or "/" in pattern or not pattern:
            raise Skip("core_pattern is %r, not a plain file name" % pattern)
        before = set(os.listdir(self.folder))
        os.kill(self.pid, signal.SIGABRT)
        self.process.wait()
        cores = [name for name in set(os.listdir(self.folder)) - before if "core" in name]
        if len(cores) != 1:
            raise Skip("the kernel wrote no core (%s)" % cores)
        return os.path.join(self.folder, cores[0])
