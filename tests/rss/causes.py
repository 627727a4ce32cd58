"""A process whose memory has one cause, or several: `causes.py NAME[=MIB] ...`. Python 3.6 and later.

Writes "ready" and its PID, then waits to be killed. Each cause takes about MIB mebibytes of RSS (default 120).
"""
import ctypes
import gc
import mmap
import os
import random
import sys
import tempfile
import threading

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
libc.mallopt.argtypes = [ctypes.c_int, ctypes.c_int]
M_MMAP_THRESHOLD, M_ARENA_MAX = -3, -8
kept = []
park = threading.Lock()
park.acquire()


def filled(size):
    pointer = libc.malloc(size)
    libc.memset(pointer, 1, size)
    return pointer


def object_leak(amount):
    """Python objects that are all still reachable."""
    kept.append([{"number": i, "name": "name-%d" % i} for i in range(amount // 420)])


def native_leak(amount):
    """Blocks that C code took and that no Python object knows."""
    table = (ctypes.c_void_p * (amount // 1008))()
    for i in range(len(table)):
        table[i] = filled(1000)
    kept.append(table)


def database(amount):
    """A database in memory: pages that SQLite links through a head at their end."""
    import sqlite3
    connection = sqlite3.connect(":memory:")
    connection.execute("create table kept(number, text)")
    connection.executemany("insert into kept values(?, ?)", ((i, "x" * 1000) for i in range(amount // 1100)))
    kept.append(connection)


def pymalloc_fragmentation(amount):
    """Many small objects freed but one of 200: nearly every arena keeps some."""
    objects = [object() for _ in range(amount // 24)]
    kept.append(objects[::2000])
    del objects


def glibc_fragmentation(amount):
    """Blocks of 1 to 3 KiB, of which every second page keeps one: holes without a whole free page."""
    draw = random.Random(1)
    blocks = [filled(draw.randrange(1000, 3000)) for _ in range(amount // 2000)]
    for i, pointer in enumerate(blocks):
        if i % 2:
            libc.free(pointer)
    kept.append(blocks[::2])


def many_arenas(amount):
    """Threads that filled an arena each and freed nearly all of it, but for its last block."""
    ready = threading.Semaphore(0)

    def work():
        blocks = [filled(2000) for _ in range(amount // 12 // 2016)]
        for pointer in blocks[:-1]:
            libc.free(pointer)
        ready.release()
        park.acquire()
    for _ in range(12):
        threading.Thread(target=work, daemon=True).start()
        ready.acquire()


def grown_threshold(amount):
    """A large block freed once has raised mmap_threshold; 1 MiB blocks come from brk since, with small ones between."""
    libc.free(filled(30 << 20))
    large, small = [], []
    for _ in range(amount >> 20):
        large.append(filled(1 << 20))
        small.append(filled(100))
    for pointer in large:
        libc.free(pointer)
    kept.append(small)


def not_trimmed(amount):
    """All freed but the last block, which keeps brk where it is."""
    blocks = [filled(60000) for _ in range(amount // 60016)]
    blocks.append(filled(60000))
    for pointer in blocks[:-1]:
        libc.free(pointer)
    kept.append(blocks[-1:])


def big_mmaps(amount):
    """Anonymous memory that no allocator knows."""
    memory = mmap.mmap(-1, amount, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    for at in range(0, amount, 4096):
        memory[at] = 1
    kept.append(memory)


def shared_memory(amount):
    memory = mmap.mmap(-1, amount)
    for at in range(0, amount, 4096):
        memory[at] = 1
    kept.append(memory)


def file_cache(amount):
    """A mapped file whose pages are clean."""
    with tempfile.TemporaryFile() as file:
        file.write(os.urandom(1 << 20) * (amount >> 20))
        file.flush()
        os.fsync(file.fileno())
        memory = mmap.mmap(file.fileno(), amount, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
    sum(memory[at] for at in range(0, amount, 4096))
    kept.append(memory)


def garbage(amount):
    """Cycles that nobody refers to any more, and a collector that is off."""
    gc.disable()
    for _ in range(amount // 500):
        one = {"text": "x" * 200}
        one["self"] = one


def huge_pages(amount):
    """Memory of hugetlbfs, half of it touched: in no Rss."""
    memory = mmap.mmap(-1, amount, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000)      # MAP_HUGETLB
    for at in range(0, amount // 2, 1 << 21):
        memory[at] = 1
    kept.append(memory)


def swapped_objects(amount):
    """Python objects of which the pages lie in swap: the heaps of this process, as far as they were written."""
    object_leak(amount)
    madvise_pageout = 21
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    with open("/proc/self/maps") as maps:
        ranges = [line.split()[0].split("-") for line in maps if len(line.split()) == 5 or "[heap]" in line]
    for begin, end in ranges:
        libc.madvise(int(begin, 16), int(end, 16) - int(begin, 16), madvise_pageout)


def main():
    for word in sys.argv[1:]:
        name, _, amount = word.partition("=")
        globals()[name](int(amount or "120") << 20)
    print("ready", os.getpid(), flush=True)
    park.acquire()


main()
