"""What every object is worth as text: lines `v ADDRESS FORM TEXT`, TEXT being ASCII without line breaks.

FORM `a`: ascii() (2.7: repr) of an object of the types that print all they hold; `i`: an int that is too long
for decimal digits, as hex and digit count; `o`: one object of each other type, as object.__repr__ says;
`t`: a class, as type.__repr__ says. A line `V NAME COUNT` counts what was left out and why.
"""
import gc
import types

MOST = 100000                     # characters
LONG_INT = 10 ** 4300

try:
    LEAVES = (type(None), bool, int, long, float, complex, str, unicode, bytearray, xrange, type(Ellipsis), type(NotImplemented))
    OLD = True
    INTS = (int, long)
    ascii = repr
except NameError:
    LEAVES = (type(None), bool, int, float, complex, str, bytes, bytearray, type(Ellipsis), type(NotImplemented))
    OLD = False
    INTS = (int,)
    FROZENDICT = getattr(__import__("builtins"), "frozendict", None)
if OLD:
    FROZENDICT = None
LEAVES = dict.fromkeys(LEAVES)
GROUPS = dict.fromkeys((list, tuple, set, frozenset, dict) + ((FROZENDICT,) if FROZENDICT else ()))
SIZED = dict.fromkeys((str, bytearray) + ((unicode,) if OLD else (bytes,)))


def digits_of(number):
    """Decimal digits of a positive int, without writing them."""
    count = int((number.bit_length() - 1) * 0.30102999566398119)
    power = 10 ** count
    while number >= power:
        power *= 10
        count += 1
    return count


def held_by(o):
    """The members of a container of the types in question; None: another type. Keys that are str may be left
    out; a tuple may have holes, which only the collector can bear."""
    kind = type(o)
    if kind is dict:                             # 3.13's shows the collector nothing where an instance keeps its values
        return list(dict.keys(o)) + list(dict.values(o))
    if kind in GROUPS:
        return gc.get_referents(o)
    if kind is slice or (not OLD and kind is range):
        return [o.start, o.stop, o.step]
    return None


def verdict(o, notes, bad):
    """"", or why the object is left out: it must hold only objects of these types, at a bearable length. `bad`
    has those known not to: whoever holds one of them is left out for the same reason."""
    seen, waiting, total = set(), [o], 0
    while waiting:
        one = waiting.pop()
        total += 1
        kind = type(one)
        if kind in LEAVES:
            if kind in INTS and not -LONG_INT < one < LONG_INT:
                return "holds a long int"
            if kind in SIZED:
                total += len(one)
        elif id(one) not in seen:
            if id(one) in bad:
                return bad[id(one)]
            if id(one) in notes:
                return "is what repr notes"
            seen.add(id(one))
            held = held_by(one)
            if held is None:
                return "holds other types"
            if kind in (list, tuple) and len(held) != len(one):
                return "has holes"                  # not every repr bears that: 3.13.5 crashes
            waiting.extend(held)
        if total > MOST:
            return "is too long"
    return ""


def lines(seen):
    out, left_out, shown, bad = [], {}, set(), {}
    # In which objects repr is at work, of the thread: repr itself changes these.
    notes = set()
    for o in seen.values():
        if type(o) is dict and "Py_Repr" in o:
            notes.update((id(o), id(o["Py_Repr"])))
    for address in sorted(seen):
        o = seen[address]
        kind = type(o)
        form, text = None, None
        if kind in LEAVES or held_by(o) is not None:
            if kind in INTS and not -LONG_INT < o < LONG_INT:
                form, text = "i", "%s (%d digits)" % (hex(o), digits_of(abs(o)))
                why = ""
            else:
                why = verdict(o, notes, bad)
            if not why and form is None:
                try:
                    form, text = "a", ascii(o)
                except RuntimeError:          # RecursionError, where there is one
                    why = "nests too deep"
            if not why and len(text) > MOST:
                why = "is too long"
            if why:
                bad[address] = why
                left_out[why] = left_out.get(why, 0) + 1
                continue
        elif kind is type or (OLD and kind is getattr(types, "ClassType", None)):
            if kind is not type:
                continue
            form, text = "t", type.__repr__(o)
        elif kind not in shown and not (OLD and kind is types.InstanceType):
            shown.add(kind)
            form, text = "o", object.__repr__(o)
        else:
            continue
        if OLD and form in "to":              # coreheap calls the types of `exceptions` by their bare names
            text = text.replace("exceptions.", "", 1)
        out.append("v %x %s %s\n" % (address, form, text.encode("unicode-escape").decode("ascii") if form in "to" else text))
    for why in sorted(left_out):
        out.append("V %s %d\n" % (why.replace(" ", "_"), left_out[why]))
    return out
