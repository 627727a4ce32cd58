"""Arenas of pymalloc that a few objects keep; lets those go when told to. Python 2.7 and 3.6 on.

Writes "ready" and waits for a byte; frees the kept objects, writes "done" and waits for another byte.
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
    os.read(0, 1)
    del kept[:]
    os.write(1, b"done\n")
    os.read(0, 1)


main()
