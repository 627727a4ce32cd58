"""Which objects' size is a class's own word: lines `s ADDR SIZE`, for every object whose nearest __sizeof__
is written in Python, with what sys.getsizeof would say if only the nearest C base were asked."""
import sys

MRO = type.__dict__["__mro__"]
DICT = type.__dict__["__dict__"]
IN_C = type(object.__dict__["__sizeof__"])


def word_of(kind):
    """(the nearest __sizeof__, the nearest one in C) along the MRO."""
    found = [DICT.__get__(one)["__sizeof__"] for one in MRO.__get__(kind) or ()
             if isinstance(one, type) and "__sizeof__" in DICT.__get__(one)]
    return (found[0], [one for one in found if type(one) is IN_C][0]) if found else (None, None)


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
