"""A heap that objgraph and muppy have counted, each in a child of its own. Python 2.7 and 3.6 on.

Arguments: the folder with their modules, "plain" or "frozen". Writes a line of JSON for each with what it said
(or why it said nothing), then "ready", and waits for the end of its standard input. Names that a metaclass makes up
(`<enum 'Flag'>`) are told as module and class.
"""
import ctypes
import gc
import json
import os
import sys

sys.path.insert(0, sys.argv[1])
# os.fork would run hooks in the child, which make locks anew.
FORK = ctypes.PyDLL(None).fork
FROZEN = sys.argv[2] == "frozen"


def tool(name):
    try:
        return __import__(name, fromlist=["x"])
    except Exception as error:
        return "%s: %s" % (type(error).__name__, error)


objgraph, muppy, summary = tool("objgraph"), tool("pympler.muppy"), tool("pympler.summary")


class Node(object):
    def __init__(self, number):
        self.number = number
        self.name = "node-%d" % number


class Slotted(object):
    __slots__ = ("first", "second")


class Outer(object):
    class Inner(object):
        pass


def closure(number):
    def inner():
        return number
    return inner


def build():
    keep = [{"k%d" % i: Node(i) for i in range(500)}]                       # keys that no traversal shows
    keep.append([(i, str(i), i * 1.5) for i in range(10 ** 6, 10 ** 6 + 300)])   # tuples that are not tracked
    keep.append([{"a": i} for i in range(200)])
    keep.append([Slotted() for _ in range(100)])
    keep.append([Outer.Inner() for _ in range(50)])
    keep.append([closure(i) for i in range(40)])
    keep.append([set([i, str(i)]) for i in range(30)] + [bytearray(b"x" * i) for i in range(30)])
    keep.append([type("Made", (object,), {"number": i}) for i in range(10)])
    return keep


def leave_garbage():
    for _ in range(25):
        node = Node(0)
        node.me = node


def by_objgraph():
    objects = gc.get_objects()
    return {name: [count, 0] for name, count in objgraph.typestats(objects).items()}


def name_of(one):
    kind = type(one)
    if type(kind).__repr__ is type.__repr__:
        return summary._repr(one)
    return "%s.%s" % (kind.__module__, kind.__qualname__)


def by_muppy():
    objects = muppy.get_objects()
    found = {}                               # after it: 3.14 tracks every dict
    for one in objects:
        row = found.setdefault(name_of(one), [0, 0])
        row[0] += 1
        row[1] += sys.getsizeof(one)
    return found


def ask(name, count, missing):
    """Has a child write what a tool counts, or why it cannot. Nothing of it is left behind here."""
    if FORK() == 0:
        try:
            answer = missing or count()
        except Exception as error:
            answer = "%s: %s" % (type(error).__name__, error)
        with os.fdopen(1, "w") as out:
            out.write(json.dumps([name, answer]) + "\n")
        os._exit(0)
    os.wait()


def absent(*modules):
    return next((one for one in modules if isinstance(one, str)), "")


def main():
    gc.disable()
    # Whatever the first run of these leaves behind (caches of expressions, of byte code) is there before the count.
    for count, missing in ((by_objgraph, absent(objgraph)), (by_muppy, absent(muppy, summary))):
        json.dumps(missing or count())
    ask("nothing", dict, "")
    keep = build()
    for _ in range(4):
        gc.collect()
    if FROZEN and hasattr(gc, "freeze"):
        gc.freeze()
        keep.append([Node(i) for i in range(70)])
        gc.collect()
    leave_garbage()
    ask("objgraph", by_objgraph, absent(objgraph))
    ask("muppy", by_muppy, absent(muppy, summary))
    os.write(1, b"ready\n")
    os.read(0, 4096)


main()
