"""What every object refers to, as the collector sees it: lines `e HOLDER TARGET TARGET ...` (hex, in the
order of gc.get_referents, with repetitions; holders without referents are left out)."""
import gc


def lines(seen):
    out = []
    referents = gc.get_referents
    for address in sorted(seen):
        held = referents(seen[address])
        if held:
            out.append("e %x %s\n" % (address, " ".join(["%x" % id(o) for o in held])))
    return out
