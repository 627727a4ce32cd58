"""Instances of every type that brings its own __sizeof__ (sizeof_types.py lists them), in the states that
their sizes depend on; and subclasses, whose sizes add slots, dict and weak references."""
from __future__ import print_function

import array
import collections
import decimal
import io
import itertools
import pickle
import struct
import sys

from heap import skipping
from heap_kinds import *  # noqa: F401,F403



def ordered(items):
    """At most so many items where an OrderedDict is a ring of lists (2.7): what each of them holds is nested as deep as there are
    items, and the text of each is asked for, which takes the third power of their number."""
    return items if NEW else min(items, 80)


BASES = [int, type(1 << 99), float, complex, str, type(u""), bytes, bytearray, tuple, list, dict, set, frozenset, collections.deque,
         collections.OrderedDict, collections.defaultdict, array.array, io.BytesIO, struct.Struct, decimal.Decimal, Exception]
MAKE = {bytes: lambda kind, i: kind(b"b" * i), bytearray: lambda kind, i: kind(b"b" * i), array.array: lambda kind, i: kind("i", range(i)),
        io.BytesIO: lambda kind, i: kind(b"b" * i), struct.Struct: lambda kind, i: kind("%dsI" % i),
        decimal.Decimal: lambda kind, i: kind("1." + "7" * i), collections.OrderedDict: lambda kind, i: kind((k, k) for k in range(ordered(i))),
        collections.defaultdict: lambda kind, i: kind(None, ((k, k) for k in range(i))), dict: lambda kind, i: kind((k, k) for k in range(i)),
        int: lambda kind, i: kind(1 << i if NEW else i), type(1 << 99): lambda kind, i: kind(1 << i),
        float: lambda kind, i: kind(i), complex: lambda kind, i: kind(i), Exception: lambda kind, i: kind(i), str: lambda kind, i: kind("s" * i), type(u""): lambda kind, i: kind(u"\u4e2d" * i)}
# bytes, int and str take no slots that need room: their instances vary in length.
FIXED = [float, complex, list, dict, set, frozenset, bytearray, collections.deque, collections.OrderedDict, collections.defaultdict,
         array.array, io.BytesIO, struct.Struct, decimal.Decimal, Exception]


@skipping("subclasses")
def build_subclasses(n, rng):
    keep = []
    for base in BASES:
        make = MAKE.get(base, lambda kind, i: kind(range(i)))
        kinds = [type(str("Sub_" + base.__name__), (base,), {}), type(str("Bare_" + base.__name__), (base,), {"__slots__": ()})]
        if base in FIXED:
            kinds.append(type(str("Slots_" + base.__name__), (base,), {"__slots__": ("left", "right")}))
            kinds.append(type(str("Below_" + base.__name__), (kinds[-1],), {}))
        for kind in kinds:
            made = [make(kind, i) for i in (0, 1, 2, 5, 9, 33, 70, 600)]
            for one in made[::2]:
                if hasattr(one, "__dict__"):
                    one.tag = len(keep)
            keep.append(made)
    return keep


class OverriddenList(list):
    def __sizeof__(self):
        return 7 * len(self)


class OverriddenDict(dict):
    def __sizeof__(self):
        return dict.__sizeof__(self) + 1000


class BelowOverridden(Overridden):
    __slots__ = ("one", "two")


class BackInC(OverriddenList):
    __sizeof__ = list.__sizeof__


@skipping("overridden")
def build_overridden(n, rng):
    return [[Overridden() for _ in range(10)], [OverriddenList(range(i)) for i in range(10)], [BackInC(range(i)) for i in range(10)],
            [OverriddenDict(a=i) for i in range(10)], [BelowOverridden() for _ in range(10)]]


@skipping("sizes of containers")
def build_container_sizes(n, rng):
    keep = []
    keep.append([list(range(i)) for i in (0, 1, 3, 4, 5, 8, 9, 16, 17, 100, 1000, 3000)])
    popped = list(range(1000))
    del popped[10:]
    cleared, sorted_one = [1] * 100, sorted(range(33, 0, -1))
    del cleared[:]
    keep.append([popped, cleared, sorted_one, [x for x in range(57)], [None] * 7 + [1]])
    for i in range(30):
        keep.append(bytearray(b"x" * i))
        keep[-1].extend(b"y" * (i * i))
    # Dicts at every power of two, with keys that are str and that are not, grown, shrunk and cleared.
    keep.append([{k: k for k in range(i)} for i in (0, 1, 5, 6, 10, 11, 21, 22, 42, 43, 85, 86, 170, 171, 341, 342, 700, 3000)])
    keep.append([{"key %d" % k: k for k in range(i)} for i in (0, 1, 5, 6, 10, 11, 21, 22, 42, 43, 85, 86, 170, 171, 341, 342, 700, 3000)])
    emptied, few, copied = dict(keep[-1][-2]), dict(keep[-1][-2]), dict(keep[-1][5])
    emptied.clear()
    for k in list(few)[3:]:
        del few[k]
    copied["new"] = 1
    keep.append([emptied, few, copied, dict.fromkeys(range(100)), dict.fromkeys("abc"), dict(keep[-1][6]).copy()])
    keep.append([set(range(i)) for i in (0, 1, 4, 5, 6, 19, 20, 100, 2500)] + [frozenset(range(i)) for i in (0, 4, 5, 19, 1000)])
    cleared_set, grown = set(range(500)), set()
    cleared_set.clear()
    for i in range(3000):
        grown.add(i)
    keep.append([cleared_set, grown, grown | {-1}, grown.copy()])
    keep.append([collections.deque(range(i)) for i in (0, 1, 63, 64, 65, 128, 129, 5000)])
    both = collections.deque()
    for i in range(200):
        both.append(i)
        both.appendleft(i)
    keep.append([both, collections.deque(range(10), 3)])
    keep.append([collections.OrderedDict((k, k) for k in range(ordered(i))) for i in (0, 1, 5, 6, 11, 100, 3000)])
    keep.append(collections.OrderedDict(("k%d" % k, k) for k in range(ordered(200))))
    grown_array = array.array("d")
    for i in range(777):
        grown_array.append(i)
    shrunk = array.array("i", range(1000))
    del shrunk[5:]
    keep.append([grown_array, shrunk, array.array("u", u"text") if sys.version_info < (3, 16) else None])
    return keep


@skipping("sizes of iterators")
def build_iterator_sizes(n, rng):
    keep = [[itertools.product(range(i), repeat=r) for i in (0, 1, 3) for r in (0, 1, 4)]]
    for make in (itertools.permutations, itertools.combinations, itertools.combinations_with_replacement):
        keep.append([make(range(i), r) for i in (0, 1, 5, 9) for r in (0, 1, 3)])
    for group in keep:
        for one in group[::2]:
            next(one, None)
    return keep


@skipping("sizes of streams")
def build_stream_sizes(n, rng):
    import tempfile
    with tempfile.TemporaryFile() as _:
        pass
    file = tempfile.TemporaryFile(buffering=0) if NEW else io.open(tempfile.mkstemp()[1], "wb+", 0)
    keep = [file, io.BufferedReader(file, 100), io.BufferedReader(file), io.BufferedWriter(file, 5000), io.BufferedRandom(file, 333),
            io.BufferedRandom(file)]
    keep[-1].write(b"pending")
    if NEW:
        keep.append(io.BufferedRWPair(io.BytesIO(b"x"), io.BytesIO()))
    closed = io.BytesIO(b"closed")
    closed.close()
    written, shared = io.BytesIO(), io.BytesIO(b"shared with a bytes" * 10)
    for i in range(100):
        written.write(b"part %d" % i if PY2 or NEW else b"")
    keep.append([closed, written, shared, shared.getvalue(), io.BytesIO()])
    if NEW:
        out = io.BytesIO()
        pickler = pickle.Pickler(out)
        pickler.dump([{"a": (1, 2)}, "text" * 100] * 20)
        plain = pickle.Pickler(io.BytesIO(), 2)
        unpickler = pickle.Unpickler(io.BytesIO(out.getvalue()))
        unpickler.load()
        keep.append([pickler, plain, unpickler, pickle.Unpickler(io.BytesIO(b""), encoding="latin-1", errors="replace")])
    keep.append([struct.Struct(text) for text in ("", "b", "3sxI", "IIII", "4q2d", "<10H", "0s", "=bhiq")])
    keep.append([decimal.Decimal(text) for text in ("0", "1.5", "-7", "NaN", "Infinity", "1" * 60, "3" * 100, "9" * 5000)])
    return keep


@skipping("parser")
def build_parser(n, rng):
    import parser
    return [parser.expr("a + 1"), parser.suite("def f(a):\n  return [a, 'x' * 3]\n" * 3)]


def frame_here(a, *b, **c):
    local = [a, b, c]
    held = lambda: local  # noqa: E731
    return sys._getframe(), held


DOCUMENTED = '''
class Documented(object):
    """%s"""
    __slots__ = ("one", "two", "three")
    def method(self): "its own text"
''' % ("A class with a documentation string. " * 20)


@skipping("sizes of code")
def build_code_sizes(n, rng):
    keep = [[frame_here(i, i, *range(i), key=i) for i in range(20)], sys._getframe()]

    def generator(i):
        a, b, c = i, [i], {}
        yield a
        yield b, c
    keep.append([generator(i) for i in range(20)])
    for one in keep[-1][::2]:
        next(one)
    keep.append([one.gi_frame for one in keep[-1][::3]])
    space = {}
    exec(DOCUMENTED, space)
    kinds = [space["Documented"]]
    for i in range(20):
        kinds.append(type(str("Wide%d" % i), (object,), {"__slots__": tuple("slot_%d" % k for k in range(i))}))
        kinds.append(type(str("Tall%d" % i), (kinds[-1],), {"__doc__": "text " * i}))
        one = kinds[-1]()
        for k in range(i):
            setattr(one, "attribute_%d" % k, k)      # keys that instances share
        keep.append(one)
    keep.append(kinds)
    lines = "".join("  v%d = c%d = lambda: v%d\n" % (i, i, i) for i in range(60))
    keep.append([compile("def f(a, *b, **c):\n%s  return v1\n" % lines, "long.py", "exec"), compile("", "empty.py", "exec"),
                 compile("x = 'constant'", "one.py", "exec")])
    exec(keep[-1][0], space)
    for _ in range(70):
        space["f"](1)
    return keep
