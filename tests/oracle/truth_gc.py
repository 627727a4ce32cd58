"""What the module gc says: one line `gc JSON`, lines `gg GENERATION ADDR ...` (3.8 on: the members of each
generation, hex) and `gf ADDR ...` (3.9 on: the finalized objects).

Generations are asked before the truth unfreezes what is frozen, and all that is noted goes into memory that is
there already: a list, even an int, would be one more object.
"""
import ctypes
import gc
import json
import sys

MOST = 1 << 22
ADDRESSES = (ctypes.c_uint64 * MOST)()          # by generation: oldest first
ENDS = (ctypes.c_uint64 * 3)()
FROZEN = ctypes.c_longlong(-1)
BY_GENERATION = sys.version_info >= (3, 8)


def before():
    if hasattr(gc, "get_freeze_count"):
        FROZEN.value = gc.get_freeze_count()
    if not BY_GENERATION:
        return
    at = 0
    for generation in (2, 1, 0):
        for o in gc.get_objects(generation=generation):
            ADDRESSES[at] = id(o)
            at += 1
        ENDS[generation] = at


def lines(seen):
    figures = {
        "enabled": gc.isenabled(), "debug": gc.get_debug(), "threshold": list(gc.get_threshold()),
        "stats": gc.get_stats() if hasattr(gc, "get_stats") else None, "frozen": FROZEN.value if FROZEN.value >= 0 else None,
        "garbage": [id(o) for o in gc.garbage], "callbacks": [id(o) for o in getattr(gc, "callbacks", ())],
    }
    out = ["gc %s\n" % json.dumps(figures)]
    if BY_GENERATION:
        at = 0
        for generation in (2, 1, 0):
            places = [ADDRESSES[i] for i in range(at, ENDS[generation])]
            at = ENDS[generation]
            out.append("gg %d %s\n" % (generation, " ".join(["%x" % a for a in places if a in seen])))
    if hasattr(gc, "is_finalized"):
        finalized = gc.is_finalized
        out.append("gf %s\n" % " ".join(["%x" % a for a in sorted(seen) if finalized(seen[a])]))
    return out
