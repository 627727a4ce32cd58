"""Builders of the containers, iterators, numbers and helpers of functools and operator that heap.py does
not make, in the states that differ: unused, half way, used up, grown, shrunk, shared."""
from __future__ import print_function

import array
import collections
import datetime
import decimal
import functools
import itertools
import operator
import os
import sys
import time

from heap import skipping
from heap_kinds import *  # noqa: F401,F403
from heap_kinds import NEW, PY2, Plain

WHOLE = 10000                 # a heap of a smaller scale has less of what is many objects


class Datetime(datetime.datetime):
    pass


class Time(datetime.time):
    __slots__ = ("extra",)


class Zone(datetime.tzinfo):
    def utcoffset(self, when):
        return datetime.timedelta(hours=3)

    def dst(self, when):
        return None


class Cache(dict):
    __slots__ = ("kept",)


class Factory(collections.defaultdict):
    pass


class Partial(functools.partial):
    pass


class Chained(itertools.chain):
    pass


class Text(type(u"")):
    pass


class Shared(object):
    """Instances whose dicts share their keys."""

    def __init__(self, i):
        self.first = [i]
        self.second = i


def states(make, most=3):
    """The iterator that `make` gives, not begun, after each of some steps, and used up."""
    made = []
    for steps in range(most):
        one = make()
        for _ in range(steps):
            next(one, None)
        made.append(one)
    done = make()
    for _ in itertools.islice(done, 1000):
        pass
    return made + [done]


@skipping("tables")
def build_tables(n, rng):
    keep = []
    for size in (0, 1, 5, 6, 8, 9, 11, 30, 90, 200, 260):
        keep.append({"key%d" % i: [i] for i in range(size)})
        keep.append({i: str(i) for i in range(size)})
        keep.append({(i, "t"): i for i in range(size)})
        keep.append(set(range(size)))
        keep.append(frozenset("m%d" % i for i in range(size)))
        keep.append(collections.OrderedDict((str(i), i) for i in range(size if NEW else min(size, 80))))
    wide = dict.fromkeys(range(50000))             # indices of four bytes
    if n < WHOLE:                                  # they stay as wide with few keys
        for i in range(50000):
            if i % 50:
                del wide[i]
    keep.append(wide)
    looked = {"only": "str", "keys": 1}
    looked.get(5)                        # asked for another key, it may count as general from now on
    general = {5: 1, "a": 2}
    del general[5]
    popped = {"k%d" % i: i for i in range(50)}
    for i in range(0, 50, 3):
        popped.pop("k%d" % i)
    emptied = {i: i for i in range(50)}
    emptied.clear()
    drained = {"k%d" % i: i for i in range(20)}
    while drained:
        drained.popitem()
    keep.append([looked, general, popped, emptied, drained, dict(popped), dict.fromkeys("abc"), dict.fromkeys(range(100))])
    keep.append([{u"uni\u4e2d": 1, Text("sub"): 2}, {True: 1, None: 2, 1.5: 3, b"bytes": 4}])
    shared = [Shared(i) for i in range(40)]
    for i, one in enumerate(shared):
        if i % 2:
            one.__dict__
        if i % 5 == 1:
            del one.first
        if i % 7 == 1:
            one.third = one
        if i % 11 == 1:
            one.__dict__ = dict(one.__dict__, replaced=[i])
    orphans = [Shared(i).__dict__ for i in range(20)]        # dicts that outlived their instance
    keep.append([shared, orphans, [dict(o) for o in orphans], [o.copy() for o in orphans]])
    holed = set(range(100))
    for i in range(0, 100, 3):
        holed.discard(i)
    texts = set("t%d" % i for i in range(100))
    for i in range(0, 100, 3):
        texts.remove("t%d" % i)
    texts.add("<dummy key>")
    cleared = set(range(3000))
    cleared.clear()
    small = {1, 2, 3}
    small.discard(2)
    keep.append([holed, texts, cleared, small, set(small), set(), {"<dummy key>"}])
    ordered = collections.OrderedDict((i, [i]) for i in range(40))
    for i in range(0, 40, 2):
        del ordered[i]
    ordered.attribute = "attribute" if not PY2 else None
    moved = collections.OrderedDict((str(i), i) for i in range(20))
    if NEW:
        moved.move_to_end("3")
        moved.popitem(last=False)
    gone = collections.OrderedDict((i, i) for i in range(20))
    gone.clear()
    keep.append([ordered, moved, gone, OrderedSub(a=1, b=[2])])
    keep[-1][-1].mine = [1]
    factory = Factory(list, {"a": [1]})
    factory["b"].append(2)
    factory.mark = "m"
    cache = Cache(a=1)
    cache.kept = [cache]
    keep.append([factory, cache, collections.defaultdict(None, {1: 2}), collections.defaultdict(int), collections.Counter("abracadabra")])
    for bound in (None, 0, 1, 5, 64, 65, 200):
        queue = collections.deque(range(500), bound)
        queue.appendleft("left")
        keep.append(queue)
    turned = collections.deque(range(70))
    for _ in range(300):
        turned.append(turned.popleft())
    backwards = collections.deque()
    backwards.extendleft(range(200))
    drained = collections.deque(range(1000))
    while len(drained) > 1:
        drained.pop()
    keep.append([turned, backwards, drained, collections.deque(), DequeSub("abc", 2)])
    grown = array.array("d")
    for i in range(100):
        grown.append(i)
    shrunk = array.array("i", range(1000))
    del shrunk[10:]
    keep.append([grown, shrunk, array.array("b"), array.array("u", u"text") if sys.version_info < (3, 13) else array.array("w", "text")])
    lists = [[None] * i for i in range(20)] + [list(iter(range(i))) for i in range(20)]
    shrunk = list(range(1000))
    del shrunk[3:]
    keep.append([lists, shrunk, sorted(range(100)), [x for x in range(77)]])
    keep.append([bytearray(), bytearray(b"x" * 100), bytearray(b"abc") * 1000])
    front = bytearray(b"0123456789" * 100)
    del front[:37]
    keep.append([front, memoryview(front), memoryview(memoryview(b"bytes"))[1:3]])
    if not PY2:
        released = memoryview(b"released")
        released.release()
        keep.append([released, memoryview(bytearray(20))[::2], memoryview(bytes(24)).cast("i", (2, 3)), memoryview(array.array("d", [1, 2]))])
    if PY2:
        keep.append([buffer(b"a buffer"), buffer(bytearray(50), 5, 10), buffer(array.array("c", "text"))])
        keep.append([u"encoded \xe9", u"ascii"])
        getattr(keep, u"count")          # a name is encoded, and keeps the result
        hash(buffer(u"text"))
    if sys.version_info >= (3, 15):
        keep.append([frozendict({i: [i] for i in range(9)}), frozendict(), frozendict(a=[1]), frozendict({"a": 1, 2: "b"})])  # noqa: F821
    keep.append([os.stat("/"), os.statvfs("/"), os.times(), time.localtime(), time.gmtime(0), sys.version_info, sys.flags, sys.float_info])
    if NEW:
        keep.append([os.uname(), sys.int_info, sys.hash_info, sys.thread_info,
                     time.get_clock_info("monotonic"), os.sched_param(1)])
    return keep


@skipping("iterators")
def build_iterators(n, rng):
    numbers, pair, table, text = [1, [2], 3.5], ("a", ["b"], "c"), {"k": [1], 2: "two"}, u"t\xe9xt\u4e2d"
    makers = [lambda: iter(numbers), lambda: reversed(numbers), lambda: iter(pair), lambda: iter(table), lambda: iter("ascii"),
              lambda: iter(text), lambda: iter(b"bytes"), lambda: iter(bytearray(b"bytes")), lambda: iter({(1, 2), "x"}),
              lambda: iter(collections.deque(pair)), lambda: reversed(collections.deque(pair)), lambda: iter(array.array("i", [1, 2, 3])),
              lambda: iter(Indexed()), lambda: reversed(Indexed()), lambda: iter([None, [1], [2]].pop, None), lambda: iter(range(5)),
              lambda: enumerate(pair), lambda: enumerate(pair, 10 ** 30), lambda: zip(numbers, pair), lambda: map(str, numbers),
              lambda: filter(None, pair), lambda: iter(memoryview(b"abc"))]
    makers = [maker for maker in makers if hasattr(maker(), "__next__" if NEW else "next")]
    if PY2:
        makers += [table.iterkeys, table.itervalues, table.iteritems, lambda: iter(xrange(5)), lambda: reversed(xrange(5)),
                   lambda: itertools.izip(numbers, pair), lambda: itertools.imap(str, numbers), lambda: itertools.imap(None, pair, numbers),
                   lambda: itertools.ifilter(None, pair), lambda: itertools.ifilterfalse(None, [0, [], 1]),
                   lambda: itertools.izip_longest(numbers, [1], fillvalue=[0])]
    else:
        ordered = collections.OrderedDict((("a", [1]), (2, "two"), ((3, 4), None)))
        makers += [lambda: iter(table.values()), lambda: iter(table.items()), lambda: iter(ordered), lambda: reversed(ordered),
                   lambda: iter(ordered.values()), lambda: iter(ordered.items()), lambda: reversed(ordered.items()),
                   lambda: iter(range(10 ** 20, 10 ** 21, 10 ** 19)), lambda: reversed(range(10 ** 20, 10 ** 21, 10 ** 19)),
                   lambda: reversed(range(7)), lambda: itertools.filterfalse(None, [0, [], 1]),
                   lambda: itertools.zip_longest(numbers, [1], fillvalue=[0]), lambda: itertools.accumulate(numbers[::2]),
                   lambda: itertools.accumulate([[1], [2], [3]], operator.add)]
    if sys.version_info >= (3, 8):
        makers += [lambda: reversed(table), lambda: reversed(table.values()), lambda: reversed(table.items()),
                   lambda: itertools.accumulate([[1], [2]], operator.add, initial=[0])]
    if sys.version_info >= (3, 10):
        makers += [lambda: itertools.pairwise(pair), lambda: zip(numbers, pair, strict=True)]
    if sys.version_info >= (3, 12):
        makers += [lambda: itertools.batched(pair, 2)]
    makers += [lambda: itertools.chain(numbers, pair), lambda: itertools.chain.from_iterable([numbers, pair]), lambda: Chained(pair),
               lambda: itertools.count(), lambda: itertools.count(10 ** 20, 3), lambda: itertools.count(1.5, 2.5),
               lambda: itertools.cycle(iter(pair)), lambda: itertools.cycle([]), lambda: itertools.repeat([1]), lambda: itertools.repeat([1], 2),
               lambda: itertools.islice(pair, 1, None, 2), lambda: itertools.islice(pair, 2), lambda: itertools.starmap(max, [(1, 2), ([3], [4])]),
               lambda: itertools.takewhile(bool, [1, 2, 0, 3]), lambda: itertools.dropwhile(bool, [1, 2, 0, 3]),
               lambda: itertools.compress(pair, [1, 0, 1]), lambda: itertools.groupby(["a", "a", "b"]),
               lambda: itertools.groupby([1, 2, 4, 5], lambda i: i // 3), lambda: itertools.product(numbers, "xy"),
               lambda: itertools.product("ab", repeat=5), lambda: itertools.product(), lambda: itertools.combinations(pair, 2),
               lambda: itertools.combinations(pair, 5), lambda: itertools.combinations_with_replacement(pair, 2),
               lambda: itertools.permutations(pair), lambda: itertools.permutations(range(12), 4), lambda: itertools.permutations(pair, 7)]
    keep = [makers, [states(maker) for maker in makers]]
    groups = itertools.groupby([1, 1, 1, [2], [2], "c"])
    first = next(groups)[1]
    next(first)
    second = next(groups)[1]
    keep.append([groups, first, second])
    tees = itertools.tee(iter(range(200)), 3)
    for _ in range(150):
        next(tees[0])
    for _ in range(60):
        next(tees[1])
    tees[1].__copy__()
    ended = itertools.tee(iter([[1], [2]]))
    list(ended[0])
    keep.append([tees, ended, tees[2].__copy__()])
    views = [table.keys(), table.values(), table.items()] if NEW else [table.viewkeys(), table.viewvalues(), table.viewitems()]
    keep.append(views)
    if NEW:
        keep.append([ordered.keys(), ordered.values(), ordered.items()])
        keep.append([range(0), range(5), range(1, 10 ** 30, 10 ** 10), range(10 ** 30), slice(1), slice([1], (2,), {3: 4})])
    else:
        keep.append([xrange(5), xrange(1, 100, 3)])
    return keep


class Indexed(object):
    def __getitem__(self, i):
        if i > 3:
            raise IndexError(i)
        return [i]

    def __len__(self):
        return 4


@skipping("callables")
def build_callables(n, rng):
    first = functools.partial(max, [1], key=len)
    second = functools.partial(first, [2], default=None)
    mine = Partial(max)
    mine.note = ["note"]
    first.__name__ = "named"
    keep = [first, second, mine, functools.partial(Plain)]
    by = functools.cmp_to_key(lambda a, b: -1)
    keep.append([by, by([1]), by("x") < by("y")])
    getters = [operator.itemgetter(0), operator.itemgetter("a", [1]), operator.itemgetter(slice(3)), operator.attrgetter("a"),
               operator.attrgetter("a.b.c", "d"), operator.methodcaller("upper"), operator.methodcaller("f", [1], 2, key=[3])]
    operator.methodcaller("split", "x", maxsplit=1)
    callers = [operator.methodcaller("replace", "a", "b"), operator.methodcaller("encode", encoding="ascii")]
    for caller in callers if NEW else callers[:1]:
        caller("text")
    keep.append([getters, callers])
    if NEW:
        caches = [functools.lru_cache(maxsize=size, typed=typed)(lambda *args, **more: [args, more])
                  for size in (None, 0, 1, 5, 100) for typed in (False, True)]
        for cached in caches:
            for i in range(8):
                cached(i)
                cached(i, "two")
                cached(key=i)
            cached("s")
        caches[3].attribute = [1]
        keep.append(caches)
        keep.append([functools.partialmethod(max, 1), functools.singledispatch(lambda x: x)])

        class Owner(object):
            partial = functools.partialmethod(lambda self, *rest: rest, 1, k=2)
        if hasattr(functools, "cached_property"):
            Owner.lazily = functools.cached_property(lambda self: [self])
            Owner.lazily.__set_name__(Owner, "lazily")
        owner = Owner()
        keep.append([Owner, owner, getattr(owner, "lazily", None), Owner.partial, owner.partial])
    if hasattr(functools, "Placeholder"):
        keep.append(functools.partial(max, functools.Placeholder, 2))
        keep.append(functools.partial(keep[-1], 7))
    return keep


@skipping("quantities")
def build_quantities(n, rng):
    hours = datetime.timedelta(hours=5, minutes=3)
    keep = [hours, Zone(), datetime.date.min, datetime.timedelta.max]
    zones = [Zone()] + ([datetime.timezone.utc, datetime.timezone(hours), datetime.timezone(hours, "named")] if NEW else [])
    for zone in [None] + zones:
        keep.append([datetime.datetime(2001, 2, 3, 4, tzinfo=zone), datetime.time(5, 6, tzinfo=zone), Datetime(2001, 2, 3, tzinfo=zone),
                     Time(1, 2, tzinfo=zone)])
        keep[-1][2].note = [zone]
        keep[-1][3].extra = [zone]
    if hasattr(datetime.date, "fromisocalendar"):
        keep.append([datetime.date.today().isocalendar()])
    numbers = ["0", "-0", "1", "NaN", "-sNaN123", "Infinity", "1E+1000", "1." + "3" * 10, "9" * 70, "7" * 77, "1" * 500]
    keep.append([decimal.Decimal(text) for text in numbers])
    keep.append([decimal.Decimal(2) ** 1000, decimal.Decimal("1e100").to_integral_value(), decimal.Decimal(10) ** 400 + 1])
    context = decimal.Context(prec=100, traps=[decimal.Overflow])
    keep.append([context, context.flags, context.traps, context.copy(), decimal.localcontext(context)])
    entered = decimal.localcontext()
    entered.__enter__()
    entered.__exit__(None, None, None)
    keep.append(entered)
    keep.append([context.divide(decimal.Decimal(i), decimal.Decimal(7)) for i in range(1, 30)])
    keep.append([2 ** bits for bits in (0, 15, 29, 30, 31, 60, 90, 1000)] + [-2 ** bits for bits in (0, 30, 60, 1000)])
    keep.append([IntSub(), IntSub(-1), IntSub(2 ** 60), FloatSub(0.5), complex(1, 2), 1.5, True])
    if PY2:
        keep.append([long(0), long(5), -long(2 ** 70), LongSub(2 ** 70), LongSub()])   # noqa: F821
    return keep


if PY2:
    class LongSub(long):                 # noqa: F821
        pass
