"""A small process with a bit of everything, for the corruption simulator; CPython 2.7 and 3.6 to 3.15.

Threads that wait in frames, generators that are suspended, cycles, caches, buffers, holes left by what was freed.
Prints "ready" and waits.
"""
from __future__ import print_function

import array
import collections
import ctypes
import decimal
import functools
import gc
import io
import itertools
import json
import re
import sys
import threading
import time
import weakref
import zlib

try:
    import asyncio
except ImportError:
    asyncio = None


class Slotted(object):
    __slots__ = ("left", "right", "__weakref__")


class Record(object):
    def __init__(self, number):
        self.number = number
        self.name = "record %d" % number
        self.parts = [number * 1.5, (number, str(number)), {number}, {"key": number, number: None}]


def numbers(n):
    for i in range(n):
        held = [i] * 3
        yield held


def wait(event, depth):
    text = "local of depth %d" % depth
    if depth:
        wait(event, depth - 1)
    event.wait()
    return text


def main():
    kept = [Record(i) for i in range(400)]
    del kept[::3]
    table = {"%d of a table" % i: bytearray(i) for i in range(0, 3000, 7)}
    for key in list(table)[::2]:
        del table[key]
    ring = []
    for _ in range(50):
        one, other = Slotted(), Slotted()
        one.left, one.right, other.left, other.right = other, ring, one, None
        ring.append(weakref.ref(one))
        if len(ring) % 2:
            table[one] = other
    running = [numbers(10) for _ in range(20)]
    for generator in running:
        next(generator)
    buffers = [zlib.compressobj(), io.BytesIO(b"x" * 5000), array.array("d", range(300)), memoryview(b"y" * 700),
               (ctypes.c_char * 900)(), re.compile("a(b|c)*d"), decimal.Decimal(10) ** 50, itertools.chain([1], [2]),
               collections.OrderedDict((i, str(i)) for i in range(60)), collections.deque(range(200)),
               functools.partial(max, 1, key=abs), json.loads("[" + "[1, 2.5, null], " * 50 + "{}]"),
               u"\u20ac" * 300, u"caf\xe9" * 100, 1 << 5000, frozenset(range(100)), collections.defaultdict(list)]
    chunks = [bytes(bytearray(n)) for n in range(600, 20000, 331)]
    del chunks[::2]
    event = threading.Event()
    for depth in range(3):
        thread = threading.Thread(target=wait, args=(event, depth + 2))
        thread.daemon = True
        thread.start()
    if asyncio is not None:
        loop = asyncio.new_event_loop()
        buffers.append([loop.create_future() for _ in range(5)])
    gc.collect()
    for _ in range(20):
        loop_to_collect = []
        loop_to_collect.append(loop_to_collect)
    print("ready")
    sys.stdout.flush()
    time.sleep(10 ** 6)
    return kept, table, ring, running, buffers, chunks


if __name__ == "__main__":
    main()
