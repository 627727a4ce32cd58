#!/usr/bin/env python3
"""How long a live target stands while it is copied, over one memcpy of its resident private bytes into memory that is there.

    bench/pause.py [--build build/release] [--rounds 5]

The pause is the largest gap of a heartbeat thread inside the target, which sees the whole stop and its own lateness. Both are the
best of the rounds. bench/figures.py writes the table into README.md.
"""

import argparse
import ctypes
import mmap
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TARGETS = {
    "10 million floats, strings and tuples": "rows = [(float(i), str(i)) for i in range(3333333)]",
    "buffers of 1 MiB, 2 GiB of them": "rows = [bytearray(b'x') * (1 << 20) for _ in range(2048)]",
    "a process that has only begun": "rows = []",
}
HEARTBEAT = """
import gc, sys, threading, time
gc.disable()
{objects}
gap = 0.0
def beat():
    global gap
    last = time.monotonic()
    while True:
        time.sleep(.0005)
        now = time.monotonic()
        gap = max(gap, now - last)
        last = now
threading.Thread(target=beat, daemon=True).start()
print('ready', flush=True)
for line in sys.stdin:
    print(gap, flush=True)
    gap = 0.0
"""


def private_bytes(pid):
    with open("/proc/%d/smaps_rollup" % pid) as file:
        return 1024 * sum(int(n) for n in re.findall(r"^Private_(?:Clean|Dirty): +(\d+)", file.read(), re.M))


def memcpy_seconds(size, rounds):
    """Best of the rounds; both sides are written first."""
    sides = [mmap.mmap(-1, size) for _ in range(2)]
    addresses = []
    for side in sides:
        view = (ctypes.c_char * size).from_buffer(side)
        ctypes.memset(view, 1, size)
        addresses.append(ctypes.addressof(view))
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        ctypes.memmove(addresses[0], addresses[1], size)
        best = min(best, time.perf_counter() - began)
    return best


def largest_gap(target):
    """Since it was last asked."""
    target.stdin.write("\n")
    target.stdin.flush()
    return float(target.stdout.readline())


def pause_seconds(program, target, rounds):
    best = float("inf")
    for _ in range(rounds):
        time.sleep(.1)
        largest_gap(target)
        subprocess.run([program, "--max-pause", "60", str(target.pid), "info"], stdout=subprocess.DEVNULL, check=True)
        best = min(best, largest_gap(target))
    return best


def table(program, rounds=5):
    lines = ["| live target | private, resident | pause | over a memcpy |", "|---|---:|---:|---:|"]
    for what, objects in TARGETS.items():
        with subprocess.Popen([sys.executable, "-c", HEARTBEAT.format(objects=objects)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True) as target:
            target.stdout.readline()
            size = private_bytes(target.pid)
            pause = pause_seconds(program, target, rounds)
            target.kill()
        copy = memcpy_seconds(size, rounds)
        lines.append("| %s | %.0f MiB | %.0f ms | %.1f |" % (what, size / (1 << 20), pause * 1e3, pause / copy))
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default=os.path.join(HERE, "..", "build", "release"))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print("\n".join(table(os.path.join(options.build, "bin", "coreheap"), options.rounds)))


if __name__ == "__main__":
    main()
