"""The classes that the target's instances are of, the code that only newer versions can compile, and
what the target's modules share. One source for CPython 2.7 and 3.6 to 3.15."""
from __future__ import print_function

import collections
import ctypes
import sys

PY2 = sys.version_info[0] == 2
NEW = sys.version_info >= (3,)

CONFIG = {"out": None, "scale": 20000, "threads": 6, "seed": 20240607, "features": [], "hold_gil": False}
KEEP = {}          # what the heap is made of, by the name of its builder
POINTERS = []      # arrays of the pointers that the program got from malloc itself
NOTES = {"frame_only": [], "skipped": {}, "rehearsing": True}

libc = ctypes.CDLL(None)
libc_with_gil = ctypes.PyDLL(None)


class Plain(object):
    """Attributes in a dict, inline or in a values block, as the version has it."""

    def __init__(self, i):
        self.number = i
        self.name = "plain-%d" % i
        self.others = None


class Many(object):
    def __init__(self, i):
        for k in range(40):
            setattr(self, "field_%02d" % k, i * k)


class Slotted(object):
    __slots__ = ("left", "right", "label")

    def __init__(self, left, right):
        self.left = left
        self.right = right


class SlottedWithDict(Slotted):
    __slots__ = ("__dict__", "__weakref__", "extra")


class EmptySlots(object):
    __slots__ = ()


class WeakOnly(object):
    __slots__ = ("__weakref__",)


class Outer(object):
    class Inner(object):
        class Innermost(list):
            pass


class IntSub(int):
    pass


class LongText(str):
    __slots__ = ()


class StrSub(str):
    pass


class BytesSub(bytes):
    pass


class FloatSub(float):
    pass


class TupleSub(tuple):
    pass


class TupleSlots(tuple):
    __slots__ = ()


class ListSub(list):
    pass


class ListSlots(list):
    __slots__ = ("mark",)


class DictSub(dict):
    pass


class SetSub(set):
    pass


class FrozenSub(frozenset):
    pass


class DequeSub(collections.deque):
    pass


class OrderedSub(collections.OrderedDict):
    pass


class ByteArraySub(bytearray):
    pass


class ExcSub(Exception):
    def __init__(self, *args):
        Exception.__init__(self, *args)
        self.detail = {"args": args}


class Overridden(object):
    """Says another size than it has: a reader outside cannot know, only mark it."""

    def __sizeof__(self):
        return 12345


class Meta(type):
    registry = []

    def __new__(mcs, name, bases, namespace):
        made = super(Meta, mcs).__new__(mcs, name, bases, namespace)
        mcs.registry.append(made)
        return made


WithMeta = Meta("WithMeta", (object,), {"value": 1})

if PY2:
    class OldStyle:
        def __init__(self, i):
            self.i = i

    class OldStyleChild(OldStyle):
        pass

Point = collections.namedtuple("Point", "x y")

MODERN = r'''
import abc, enum, typing, asyncio

class Colour(enum.Enum):
    RED = 1
    GREEN = "green"
    BLUE = (1, 2, 3)

class Flags(enum.IntFlag):
    A = 1
    B = 2
    C = 4

class Shape(abc.ABC):
    @abc.abstractmethod
    def area(self): ...
    @property
    def twice(self): return 2 * self.area()
    @classmethod
    def make(cls, *a): return cls(*a)
    @staticmethod
    def nothing(): return None

class Square(Shape):
    def __init__(self, side: float = 1.0) -> None: self.side = side
    def area(self) -> float: return self.side ** 2

class Typed(typing.NamedTuple):
    a: int
    b: str = "b"

class Gen(typing.Generic[typing.TypeVar("T")]):
    pass

async def coroutine(i):
    local = [i, "coroutine-local-%d" % i]
    await Awaiter()
    return local

class Awaiter:
    def __await__(self):
        yield "suspended"

async def agen(i):
    held = {"agen": i}
    yield held
    yield i

def annotated(x: "int", *args: str, key: float = 1.5, **rest) -> dict:
    return locals()

def kwonly(*, a=1, b=(1, 2), c=frozenset({1, 2})):
    return a, b, c
'''
DATACLASS = r'''
import dataclasses

@dataclasses.dataclass
class Record:
    a: int
    b: str
    c: list = dataclasses.field(default_factory=list)

@dataclasses.dataclass(frozen=True)
class Frozen:
    x: float
    y: float
'''
SLOTTED_DATACLASS = r'''
@dataclasses.dataclass(slots=True)
class SlottedRecord:
    a: int
    b: str
'''
GROUPS = r'''
def group():
    try:
        raise ExceptionGroup("several", [ValueError(1), TypeError("two"), OSError(3, "three", "file")])
    except* ValueError as error:
        kept = error
    except* (TypeError, OSError):
        pass
    return kept
'''
GENERICS = r'''
class Box[T]:
    def __init__(self, item: T): self.item = item
type Pair[A, B] = tuple[A, B]
def first[T](items: list[T]) -> T: return items[0]
'''
TEMPLATE = r'''
def template(name, count):
    return t"hello {name!r:>10} and {count:05d}"
'''
