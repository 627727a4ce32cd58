"""What the collector is told and asked to keep, and objects that are dead: freed, with their bytes still there.

The builders run at set places among the others: the first of all freezes what the interpreter started with,
one behind `code` leaves objects in generation 1. `settle` and `bury` run last, when nothing is built any
more: the settings stay, and what is buried is what the fork finds on free lists and in freed blocks.
"""
from __future__ import print_function

import array
import gc
import itertools
import sys

from heap_kinds import *  # noqa: F401,F403

CONFIG["late"] = []
DEAD = []                # (kind, array of addresses), for truth_dead.py
ADDRESSES = "Q" if NEW else "L"
EACH = 300               # of a kind; longer than most free lists


def at(place):
    """Decorator: a builder that runs at a place of its own."""
    def wrap(function):
        function.feature = function.__name__.replace("build_", "")
        CONFIG["features"].insert(place(CONFIG["features"]), function)
        return function
    return wrap


class Reborn(object):
    """Comes back to life when it is finalized, and stays marked."""
    back = []

    def __del__(self):
        Reborn.back.append(self)


class Cyclic(object):
    def __init__(self):
        self.own = self


class Stubborn(Cyclic):
    """2.7 never frees a cycle with such a method; it goes to gc.garbage."""

    def __del__(self):
        pass


class Listener(object):
    def called(self, phase, info):
        self.last = phase


def listening(phase, info):
    pass


@at(lambda features: 0)
def build_collector(n, rng):
    listener = Listener()
    if hasattr(gc, "callbacks"):
        gc.callbacks.extend([listening, listener.called])
    for _ in range(3):
        gc.collect()
    [Reborn() for _ in range(40)]        # finalized by their last reference
    for one in [Reborn() for _ in range(20)]:
        one.own = one
    del one
    gc.collect()                         # finalized by the collector
    if PY2:
        for _ in range(15):
            Stubborn()
        gc.collect()
    gc.set_debug(gc.DEBUG_SAVEALL)
    for _ in range(25):
        Cyclic()
        [].append([None])
    gc.collect(0)
    gc.set_debug(0)
    for generation in (0, 0, 1, 0, 1):
        [Cyclic() for _ in range(10)]
        gc.collect(generation)
    if hasattr(gc, "freeze"):
        gc.freeze()
    return [listener]


@at(lambda features: [one.feature for one in features].index("code") + 1)
def build_middle(n, rng):
    """Objects that one collection has passed over."""
    keep = [[i] for i in range(500)] + [Cyclic() for _ in range(200)] + [{"number": [i]} for i in range(100)]
    gc.collect(0)
    return keep


def settle():
    """The settings that the truth is asked for. No collection can follow: the threshold is out of reach."""
    gc.set_threshold(2000000000, 17 + sys.version_info[1], 23)
    gc.set_debug(gc.DEBUG_UNCOLLECTABLE | (gc.DEBUG_SAVEALL if sys.version_info[1] % 2 else gc.DEBUG_COLLECTABLE))
    if sys.version_info[1] % 2:
        gc.enable()


def function_with_frame(places):
    places.append(id(sys._getframe()))


def makers():
    """(kind, a function that makes one) of everything that a free list or a block in good order may outlive."""
    number = itertools.count(10 ** 6)
    found = [
        ("int", lambda: next(number)), ("big int", lambda: 3 ** (300 + next(number) % 300)),
        ("float", lambda: next(number) * 1.5), ("complex", lambda: complex(next(number), 2)),
        ("list", lambda: [next(number)]), ("long list", lambda: [0] * 200), ("dict", lambda: {"a": next(number)}),
        ("int dict", lambda: {next(number): 1}), ("big dict", lambda: dict.fromkeys(range(50))),
        ("set", lambda: {next(number)}), ("frozenset", lambda: frozenset([next(number)])),
        ("slice", lambda: slice(next(number))), ("range", lambda: range(next(number)) if NEW else xrange(next(number))),
        ("range iterator", lambda: iter(range(next(number)) if NEW else xrange(next(number)))),
        ("list iterator", lambda: iter([1])), ("tuple iterator", lambda: iter((1, 2))), ("dict iterator", lambda: iter({})),
        ("method", lambda: Listener().called), ("builtin method", lambda: [].append), ("function", lambda: lambda: 0),
        ("generator", lambda: (i for i in ())), ("cell", lambda: (lambda x: lambda: x)(1).__closure__[0]),
        ("str", lambda: "dead %d" % next(number)), ("wide str", lambda: u"\u4e2d %d" % next(number)),
        ("long str", lambda: "x" * (600 + next(number) % 100)), ("bytes", lambda: b"dead" * (next(number) % 50 + 2)),
        ("bytearray", lambda: bytearray(next(number) % 700)), ("instance", Listener), ("cyclic instance", lambda: Slotted(1, 2)),
        ("exception", lambda: ValueError(next(number))), ("class", lambda: type("Dead", (object,), {})),
        ("object", object), ("memoryview", lambda: memoryview(b"dead")),
    ]
    found.extend([("tuple of %d" % size, lambda size=size: tuple([next(number)] * size)) for size in range(1, 22)])
    if sys.version_info >= (3, 7):
        import contextvars
        found.append(("context", contextvars.Context))
    if NEW:
        space = {}
        exec(ASYNC, space)
        found.extend([("coroutine", space["coroutine"]), ("async generator", space["generator"]),
                      ("asend", lambda: space["generator"]().asend(None))])
    if sys.version_info >= (3, 15):
        found.append(("frozendict", lambda: eval("frozendict(a=1)")))
    return found


ASYNC = """
async def coroutine():
    pass

async def generator():
    yield 1
"""

def quiet(kind, one):
    if kind == "coroutine":
        one.close()              # else it warns that nobody awaited it
    return one


def bury():
    made = makers()
    live = []
    for kind, make in made:
        places = array.array(ADDRESSES, [0] * EACH)
        DEAD.append((kind, places))
        live.append([quiet(kind, make()) for _ in range(EACH)])
        for i in range(EACH):
            places[i] = id(live[-1][i])
    frames = array.array(ADDRESSES)
    DEAD.append(("frame", frames))
    for _ in range(20):
        function_with_frame(frames)
    while live:
        live.pop(0)


CONFIG["late"].extend([settle, bury])
