"""What objects say they asked their allocator for beside themselves: lines `b ADDR BYTES NAME`, for objects of a
type (or of a class below it) whose __sizeof__ is its basicsize plus its buffers. NAME is that type's."""
import array
import collections
import decimal
import io
import itertools
import struct
import sys
import xml.etree.ElementTree as tree

MRO = type.__dict__["__mro__"]
BASICSIZE = type.__dict__["__basicsize__"]
NAMES = {list: "list", set: "set", frozenset: "frozenset", dict: "dict", collections.deque: "collections.deque",
         array.array: "array.array", io.BufferedReader: "io.Buffered", io.BufferedWriter: "io.Buffered",
         io.BufferedRandom: "io.Buffered", struct.Struct: "Struct"}
if sys.version_info < (3, 15):                   # it keeps its bytes in a bytes object since
    NAMES[bytearray] = "bytearray"
if sys.version_info >= (3,):
    NAMES[collections.OrderedDict] = "collections.OrderedDict"
    NAMES[decimal.Decimal] = "decimal.Decimal"
    for kind in (itertools.product, itertools.permutations, itertools.combinations, itertools.combinations_with_replacement):
        NAMES[kind] = "itertools"
    NAMES[tree.Element] = "xml.etree.ElementTree.Element"


def lines(seen):
    """__sizeof__ is asked of the nearest named base: a class's own __sizeof__ does not know."""
    named, out = {}, []
    for address in sorted(seen):
        o = seen[address]
        kind = type(o)
        if id(kind) not in named:
            named[id(kind)] = next((base for base in MRO.__get__(kind) or () if base in NAMES), None)
        base = named[id(kind)]
        # An array of characters takes over a buffer that was made with room for a final NUL.
        if base is not None and not (base is array.array and o.typecode in "uw"):
            asked = base.__sizeof__(o) - BASICSIZE.__get__(kind)
            out.append("b %x %d %s\n" % (address, asked, NAMES[base]))
    return out
