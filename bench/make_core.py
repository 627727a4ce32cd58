#!/usr/bin/env python3
"""Writes a core of a Python process with about N million blocks: bench/make_core.py [MILLIONS] [FOLDER] [WHAT].

The objects are floats, strings and tuples, a third each, as in a table read from a database; or, by WHAT:
instances  instances of a class with two fields and the strings in one of them
linked     one doubly linked list of lists
chain      one chain of lists, held at its head
islands    pairs of lists that only refer to each other
dict       one dict with all of them as its keys
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

LINKED = """
import os
head = last = [None, None]
for i in range({blocks}):
    last[1] = [last, None]
    last = last[1]
os.kill(os.getpid(), 6)
"""

CHAIN = """
import os
head = last = [None]
for i in range({blocks}):
    last[0] = [None]
    last = last[0]
os.kill(os.getpid(), 6)
"""

ISLANDS = """
import gc
import os
gc.disable()
for i in range({blocks} // 2):
    one = [None]
    one[0] = [one]
os.kill(os.getpid(), 6)
"""

DICT = """
import os
table = {{}}
for i in range({blocks}):
    table[float(i)] = None
os.kill(os.getpid(), 6)
"""

PROGRAMS = {"table": PROGRAM, "instances": INSTANCES, "linked": LINKED, "chain": CHAIN, "islands": ISLANDS, "dict": DICT}


def main():
    millions = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    folder = sys.argv[2] if len(sys.argv) > 2 else "."
    with open("/proc/sys/kernel/core_pattern") as pattern:
        if pattern.read().startswith("|"):
            sys.exit("cores go to a program here (kernel.core_pattern): no core file to be had")
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    what = sys.argv[3] if len(sys.argv) > 3 else "table"
    if what not in PROGRAMS:
        sys.exit("no such program: %s (known: %s)" % (what, ", ".join(PROGRAMS)))
    program = PROGRAMS[what].format(rows=int(millions * 1e6 / 3), blocks=int(millions * 1e6))
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
