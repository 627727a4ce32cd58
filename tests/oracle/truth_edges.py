"""What every object refers to, as the collector sees it: lines `e HOLDER TARGET TARGET ...` (hex, in the
order of gc.get_referents, with repetitions; holders without referents are left out).

And what the causes of skipped references are proven by: `ef TYPE FLAGS` (`__flags__` of a type object,
hex), `ek DICT KEYS KIND` (how many keys a dict has; KIND is `s` where all of them are exact str).
"""
import gc


def lines(seen):
    out = []
    referents = gc.get_referents
    for address in sorted(seen):
        one = seen[address]
        held = referents(one)
        if held:
            out.append("e %x %s\n" % (address, " ".join(["%x" % id(o) for o in held])))
        kind = type(one)
        if issubclass(kind, type):
            out.append("ef %x %x\n" % (address, type.__dict__["__flags__"].__get__(one)))
        elif issubclass(kind, dict):
            keys = list(dict.__iter__(one))
            only_str = all([type(key) is str for key in keys])
            out.append("ek %x %d %s\n" % (address, len(keys), "s" if only_str else "-"))
    return out
