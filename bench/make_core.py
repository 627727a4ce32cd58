#!/usr/bin/env python3
"""Writes a core of a Python process with about N million blocks: bench/make_core.py [MILLIONS] [FOLDER] [WHAT].

The objects are floats, strings and tuples, a third each, as in a table read from a database; or, when WHAT is
"instances", instances of a class with two fields and the strings in one of them.
"""
import os
import resource
import subprocess
import sys

PROGRAM = """
import os
rows = []
for i in range({rows}):
    rows.append((float(i), str(i)))
os.kill(os.getpid(), 6)
"""

INSTANCES = """
import os
class Item:
    def __init__(self, i):
        self.status = i % 7
        self.name = 'item %d' % i
items = []
for i in range({rows}):
    items.append(Item(i))
os.kill(os.getpid(), 6)
"""


def main():
    millions = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    folder = sys.argv[2] if len(sys.argv) > 2 else "."
    with open("/proc/sys/kernel/core_pattern") as pattern:
        if pattern.read().startswith("|"):
            sys.exit("cores go to a program here (kernel.core_pattern): no core file to be had")
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    instances = sys.argv[3:] == ["instances"]
    program = (INSTANCES if instances else PROGRAM).format(rows=int(millions * 1e6 / 3))
    process = subprocess.Popen([sys.executable, "-c", program], cwd=folder)
    process.wait()
    for name in ("core", "core.%d" % process.pid):
        path = os.path.join(folder, name)
        if os.path.exists(path):
            print(path)
            return
    sys.exit("no core was written: is there room, and is kernel.core_pattern a plain name?")


if __name__ == "__main__":
    main()
