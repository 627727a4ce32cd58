"""Values for compare_values.py, from the heap's seed: every way to store a number or a text, nested in every
container, with cycles, instances of subclasses among them, and dicts that were filled in another order than
their class's first instance."""
from __future__ import print_function

import ctypes
import struct

from heap_kinds import CONFIG, NEW

if NEW:
    unichr, long, xrange = chr, int, range


class Order(object):
    pass


class SubInt(int):
    pass


class SubStr(str):
    pass


class SubList(list):
    pass


class SubDict(dict):
    pass


class SubTuple(tuple):
    pass


def builder(name):
    def wrap(function):
        function.feature = name
        CONFIG["features"].append(function)
        return function
    return wrap


def any_float(rng):
    how = rng.randrange(6)
    if how == 0:
        return rng.choice((0.0, -0.0, float("nan"), -float("nan"), float("inf"), -float("inf"), 5e-324, 1.7976931348623157e308,
                           1e16, 1e15, 123456789012345680.0, 9999999999999998.0, 1e-4, 1e-5, 0.1, 1e22, 1e23, 2.5))
    if how == 1:
        return struct.unpack("<d", struct.pack("<Q", rng.getrandbits(64)))[0]
    if how == 2:
        return 2.0 ** rng.randrange(-1074, 1023) * rng.choice((1, -1))
    if how == 3:
        return float(rng.randrange(10 ** rng.randrange(1, 19)))
    if how == 4:
        return rng.randrange(10 ** 6) / 10.0 ** rng.randrange(12)
    return rng.random() * 10.0 ** rng.randrange(-300, 300)


def any_int(rng):
    how = rng.randrange(5)
    if how == 0:
        return rng.randrange(-300, 300)
    if how == 1:
        return (1 << rng.randrange(200)) * rng.choice((1, -1)) + rng.randrange(-1, 2)
    if how == 2:
        return rng.getrandbits(rng.randrange(1, 2000)) * rng.choice((1, -1))
    if how == 3:
        return 10 ** rng.randrange(60) * rng.choice((1, -1)) - rng.randrange(2)
    return long(rng.randrange(-10 ** 6, 10 ** 6))


CHARACTERS = [u"'\"\\", u"\t\n\r", u"".join(unichr(i) for i in range(32)), u"abc xyz", u"\x7f\x80\xa0\xad\xff", u"\u0100\u2028\ud800\udfff\uffff"]
FAR = [u"\U0001f600", u"\U0010ffff"]


def any_text(rng):
    alphabet = u"".join(rng.sample(CHARACTERS, rng.randrange(1, 4))) + (rng.choice(FAR) if rng.random() < .2 else u"")
    return u"".join(rng.choice(alphabet) for _ in range(rng.choice((0, 1, 2, 5, 20, 90))))


def any_bytes(rng):
    alphabet = [rng.randrange(256) for _ in range(3)] + [39, 34, 92, 9, 10, 13, 0, 65]
    chosen = rng.sample(alphabet, rng.randrange(1, 6))
    return bytes(bytearray(rng.choice(chosen) for _ in range(rng.choice((0, 1, 3, 12, 60)))))


def leaf(rng):
    how = rng.randrange(12)
    if how == 0:
        return rng.choice((None, True, False, Ellipsis, NotImplemented))
    if how <= 2:
        return any_int(rng)
    if how <= 4:
        return any_float(rng)
    if how == 5:
        return complex(any_float(rng), any_float(rng))
    if how <= 7:
        return any_text(rng)
    if how == 8:
        return any_bytes(rng)
    if how == 9:
        return bytearray(any_bytes(rng))
    if how == 10:
        step = rng.choice((1, 2, -3))
        return xrange(rng.randrange(-5, 5), rng.randrange(10 ** 6), step)
    return slice(rng.randrange(9), None, rng.choice((None, 2, u"x")))


def hashable(rng, depth):
    if depth and rng.random() < .3:
        return tuple(hashable(rng, depth - 1) for _ in range(rng.randrange(4)))
    if depth and rng.random() < .1:
        return frozenset(hashable(rng, depth - 1) for _ in range(rng.randrange(4)))
    while True:
        one = leaf(rng)
        if not isinstance(one, (bytearray, slice)):
            return one


def nested(rng, depth, around):
    """A value of the given depth; `around`: containers it lies in, which it may hold itself."""
    how = rng.randrange(9)
    if depth == 0 or how == 0:
        if around and rng.random() < .1:
            return rng.choice(around)
        return leaf(rng)
    count = rng.choice((0, 1, 1, 2, 3, 8))
    if how <= 2:
        made = []
        made.extend([nested(rng, depth - 1, around + [made]) for _ in range(count)])
        return made
    if how <= 4:
        return tuple([nested(rng, depth - 1, around) for _ in range(count)])
    if how <= 6:
        made = {}
        for _ in range(count):
            made[hashable(rng, 1)] = nested(rng, depth - 1, around + [made])
        return made
    members = [hashable(rng, 2) for _ in range(count)]
    return set(members) if how == 7 else frozenset(members)


@builder("values")
def build_values(n, rng):
    keep = [nested(rng, 5, []) for _ in range(n // 80)]
    keep.append([leaf(rng) for _ in range(n // 20)])
    # Holes in tables; tables that shrank to nothing.
    for size in (3, 30, 3000):
        table, members = dict((i, str(i)) for i in range(size)), set(str(i) for i in range(size))
        for i in range(0, size, 3):
            del table[i]
            members.discard(str(i))
        for i in range(size // 4):
            table[-1 - i] = i
            members.add(long(i))
        emptied = set(range(size))
        while emptied:
            emptied.pop()
        keep.append([table, members, frozenset(members), emptied])
    # Long ints at the limit of what is written in decimal, and far beyond.
    keep.append([10 ** 4300 - 1, 10 ** 4300, -10 ** 4300, 10 ** 4299, 10 ** 9000 - 1, -10 ** 9000, 1 << 300000])
    # Only what holds them is of another type.
    keep.append([SubInt(5), SubStr("sub"), SubList([1]), SubDict(a=1), SubTuple((1, 2))])
    # Through each kind of container back to itself.
    for make in (list, lambda: [()], lambda: [{}], lambda: [slice(1)]):
        one = make()
        one.extend([(one,), {"me": one}, slice(one, 2), one])
        keep.append(one)
    keep.append({})
    keep[-1]["me"] = (keep[-1],)
    # One list, met twice side by side: no cycle.
    twice = [u"\xe9"]
    keep.append([twice, (twice, twice)])
    return keep


@builder("orders of attributes")
def build_orders(n, rng):
    """Dicts of instances that share one table of keys, each filled in an order of its own."""
    keep = []
    for i in range(60):
        names = ["a", "b", "c", "d", "e", "f"][:rng.randrange(1, 7)]
        rng.shuffle(names)
        one = Order()
        for name in names:
            setattr(one, name, (name, i))
        if len(names) > 2 and i % 3 == 0:
            delattr(one, names[1])
            if i % 2:
                setattr(one, names[1], "again")
        keep.append(one)
        keep.append(one.__dict__)
    return keep


@builder("legacy text")
def build_legacy_text(n, rng):
    """str made by the old C interface: with a buffer of their own, and (up to 3.11) not ready yet."""
    keep = []
    api = ctypes.pythonapi
    name = "PyUnicode_FromUnicode"
    if not NEW or not hasattr(api, name):
        return keep
    make = getattr(api, name)
    make.restype, make.argtypes = ctypes.py_object, [ctypes.c_wchar_p, ctypes.c_ssize_t]
    for text in (u"old \xe9 way", u"plain", u"\U0001f600", u""):
        keep.append(make(text, len(text)))
    return keep
