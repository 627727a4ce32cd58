"""Arenas of pymalloc that a few objects keep; lets those go when told to. Python 2.7 and 3.6 on.

Writes "ready" and waits for a byte; frees the kept objects, writes "done" and waits for another byte.
It waits in a read whose buffer is too big for pymalloc: one of a byte would lie among the kept objects,
be seen as the second holder of their arena, and be gone after the wait.
"""
import gc
import os


class Kept(object):
    __slots__ = ("number",)


def main():
    gc.disable()
    objects = [Kept() for _ in range(600000)]
    kept = objects[::1500]
    del objects[:]
    os.write(1, b"ready\n")
    os.read(0, 4096)
    del kept[:]
    os.write(1, b"done\n")
    os.read(0, 4096)


main()
