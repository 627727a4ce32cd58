"""Which objects' size is a class's own word: lines `s ADDR SIZE`, for every object whose nearest __sizeof__
is written in Python or by an extension, with what sys.getsizeof would say if only the nearest C base of CPython's were asked."""
import sys

MRO = type.__dict__["__mro__"]
DICT = type.__dict__["__dict__"]
IN_C = type(object.__dict__["__sizeof__"])
KNOWN = ("numpy.ndarray",)              # whose rule coreheap knows


def is_foreign(kind):
    """Whether a type is of an installed package."""
    module = sys.modules.get(str(kind.__module__).partition(".")[0])
    return "-packages" in (getattr(module, "__file__", None) or "") and "%s.%s" % (kind.__module__, kind.__name__) not in KNOWN


def word_of(kind):
    """(the nearest __sizeof__, the nearest one in C) along the MRO."""
    found = [DICT.__get__(one)["__sizeof__"] for one in MRO.__get__(kind) or ()
             if isinstance(one, type) and "__sizeof__" in DICT.__get__(one)]
    return (found[0], [one for one in found if type(one) is IN_C and not is_foreign(one.__objclass__)][0]) if found else (None, None)


def lines(seen):
    words, out = {}, []
    for address in sorted(seen):
        o = seen[address]
        kind = type(o)
        if id(kind) not in words:
            nearest, in_c = word_of(kind)
            words[id(kind)] = None if nearest is in_c else in_c
        in_c = words[id(kind)]
        if in_c is not None:
            out.append("s %x %d\n" % (address, sys.getsizeof(o) - kind.__sizeof__(o) + in_c(o)))
    return out
