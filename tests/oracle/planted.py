"""Programs that leak, one a word of the command line, and programs that do not; for CPython 2.7 and 3.6 to 3.15.

Each plants some MiB in one place, prints `ready` and waits. leaks.py runs them and asks coreheap for suspects.
What nothing refers to any more is also listed, by address, in the file `planted` of the working directory.
"""
from __future__ import print_function

import ctypes
import gc
import sys
import threading
import time

EACH = 20000


class Record(object):
    def __init__(self, number):
        self.number = number
        self.text = "record number %d of a table that grows" % number


def records(count=EACH):
    return [Record(i) for i in range(count)]


HISTORY = {}
LISTENERS = []
LAST_ERROR = []
PENDING = []


def growing_dict():
    for record in records():
        HISTORY[record.number] = record


def unbounded_cache():
    import functools

    @functools.lru_cache(maxsize=None)
    def lookup(number):
        return Record(number)
    globals()["lookup"] = lookup
    for number in range(EACH):
        lookup(number)


def closure():
    seen = []

    def remember(record):
        seen.append(record)
    globals()["remember"] = remember
    for record in records():
        remember(record)


def thread_local():
    local = threading.local()
    globals()["LOCAL"] = local
    ready = threading.Event()

    def work():
        local.buffer = records()
        ready.set()
        time.sleep(10 ** 7)
    thread = threading.Thread(target=work)
    thread.daemon = True
    thread.start()
    ready.wait()


def listeners():
    class Bus(object):
        handlers = []

        def on(self, handler):
            self.handlers.append(handler)

    class Widget(object):
        def __init__(self, bus, number):
            self.record = Record(number)
            bus.on(self.clicked)

        def clicked(self):
            return self.record
    Bus.__name__ = "Bus"
    globals()["Bus"] = Bus
    bus = Bus()
    for number in range(EACH):
        Widget(bus, number)


def traceback_frames():
    def fails():
        big = records()
        raise ValueError(len(big))
    try:
        fails()
    except ValueError:
        LAST_ERROR.append(sys.exc_info())


def cycles_with_del():
    class Node(object):
        def __init__(self, record):
            self.record = record
            self.me = self

        def __del__(self):
            pass
    gc.disable()
    for record in records():
        Node(record)


def c_references():
    increment = ctypes.pythonapi.Py_IncRef
    increment.argtypes = [ctypes.py_object]
    with open("planted", "w") as out:
        for record in records():
            increment(record)
            out.write("%x\n" % id(record))


def lost_blocks():
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    with open("planted", "w") as out:
        for _ in range(EACH):
            block = libc.malloc(400)
            libc.memset(block, 0x41, 400)
            out.write("%x\n" % block)


def tasks():
    namespace = {}
    exec("async def stream(record, never):\n    await never\n    return record\n", namespace)
    import asyncio
    loop = asyncio.new_event_loop()
    globals()["LOOP"] = loop
    never = loop.create_future()
    for record in records():
        PENDING.append(loop.create_task(namespace["stream"](record, never)))
    loop.call_soon(loop.stop)
    loop.run_forever()


def clean():
    import json
    for _ in range(20):
        json.loads(json.dumps({"a": list(range(2000))}))


def clean_modules():
    import email.message, logging, unittest, xml.dom.minidom  # noqa: E401,F401
    logging.getLogger("a").addHandler(logging.NullHandler())


def main():
    globals()[sys.argv[1]]()
    if sys.argv[1] != "cycles_with_del":
        gc.collect()
    print("ready")
    sys.stdout.flush()
    time.sleep(10 ** 7)


if __name__ == "__main__":
    main()
