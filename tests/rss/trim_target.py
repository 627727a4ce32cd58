"""A heap full of holes in several arenas; trims it when told to. Python 2.7 and 3.6 on.

    trim_target.py SEED

Writes "ready", waits for a byte, calls malloc_trim(0), writes "done", waits for another byte. Between the
two nothing but that call happens: what it needs is made before.
"""
import ctypes
import gc
import os
import random
import sys
import threading

gc.disable()
libc = ctypes.CDLL(None)
trim = libc.malloc_trim
trim.argtypes = [ctypes.c_size_t]
trim.restype = ctypes.c_int
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
kept = []


def holes(seed, amount):
    """Blocks of all sizes, two of three freed in no order: bins, fastbins and tcaches all get some."""
    draw = random.Random(seed)
    blocks = []
    while amount > 0:
        size = draw.choice([24, 40, 100, 520, 1500, 3000, 4200, 9000, 30000, 100000])
        pointer = libc.malloc(size)
        libc.memset(pointer, 1, size)
        blocks.append(pointer)
        amount -= size
    draw.shuffle(blocks)
    kept.append(blocks[:len(blocks) // 3])
    for pointer in blocks[len(blocks) // 3:]:
        libc.free(pointer)


def in_thread(seed, ready, park):
    holes(seed, 6 << 20)
    ready.release()
    park.acquire()          # for ever


def main():
    seed = int(sys.argv[1])
    ready, park = threading.Semaphore(0), threading.Lock()
    park.acquire()
    for i in range(3):
        thread = threading.Thread(target=in_thread, args=(seed + i, ready, park))
        thread.daemon = True
        thread.start()
    for _ in range(3):
        ready.acquire()
    holes(seed + 9, 20 << 20)
    top = libc.malloc(100000)       # the rest of top has been touched
    libc.memset(top, 1, 100000)
    libc.free(top)
    trim(1 << 40)                   # binds the function; pads so much that brk stays, and yet trims the bins
    holes(seed + 11, 12 << 20)
    os.write(1, b"ready\n")
    os.read(0, 1)
    trim(0)
    os.write(1, b"done\n")
    os.read(0, 1)


main()
