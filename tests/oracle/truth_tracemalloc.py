"""What tracemalloc says of the heap, where it is on (driver.py --tracemalloc N).

The traces are taken by one line of target.py, before the child does anything else: what that line itself
allocates has that line as its innermost frame, and is left out here. They are all of that child's truth:
walking the whole heap while each allocation is traced would take minutes.

Lines (JSON): `T` figures and the line that was left out; `tb` a traceback, numbered as they come; `tr DOMAIN
SIZE TRACEBACK TOTAL COUNT` traces that are alike; `ts NAME [SIZE, COUNT, FRAMES]...` statistics in their order;
`to ADDRESS TRACEBACK` (or -) tracemalloc's word on every object.
"""
import gc
import json
import os
import sys

try:
    import _tracemalloc
except ImportError:
    _tracemalloc = None          # 2.7

MARK = "# the one line that takes the traces"


def functions():
    """Three functions that say everything; None where tracemalloc is off or not there."""
    if _tracemalloc is None or not _tracemalloc.is_tracing():
        return None
    return (_tracemalloc.get_tracemalloc_memory, _tracemalloc.get_traced_memory, _tracemalloc._get_traces)


def prepare(domains):
    """Empties the free lists that would serve the first results (a block of a free list changes its traceback
    instead of making a trace), and traces memory of other domains, as extensions do."""
    if domains:
        import ctypes
        name = "PyTraceMalloc_Track" if sys.version_info >= (3, 7) else "_PyTraceMalloc_Track"
        track = getattr(ctypes.pythonapi, name)
        track.argtypes = [ctypes.c_uint, ctypes.c_size_t, ctypes.c_size_t]
        for i in range(300):
            if track((7, 389047, 0xfffffff0)[i % 3], 0x10000 + 64 * i, 1000 + i) != 0:
                raise RuntimeError("PyTraceMalloc_Track")
    bytearray(1 << 24)           # so that the peak is not now
    # What is freed behind these lines, arguments and variables too, would be on a free list again.
    i, numbers, source = 0, [], range(10 ** 9, 10 ** 9 + 3000)
    rest = [[[] for _ in range(300)], [(i, str(i)) for i in range(3000)], [10.5 + i for i in range(300)]]
    for number in source:        # last, and without an int that is freed again (they have a free list from 3.14 on)
        numbers.append(number)
    return [rest, numbers, source, i]


def own_line():
    path = sys.modules["__main__"].__file__
    with open(path) as lines:
        found = [number for number, line in enumerate(lines, 1) if line.rstrip().endswith(MARK)]
    if len(found) != 1:
        raise RuntimeError("%d lines of %s are marked" % (len(found), path))
    return path, found[0]


def questions(tracemalloc):
    """(name, key, cumulative, filters): the names are the options of `tracemalloc`."""
    Filter = tracemalloc.Filter
    domain = getattr(tracemalloc, "DomainFilter", None)
    yield "--by lineno", "lineno", False, []
    yield "--by filename", "filename", False, []
    yield "--by traceback", "traceback", False, []
    yield "--by lineno --cumulative", "lineno", True, []
    yield "--by filename --cumulative", "filename", True, []
    yield "--by lineno --filter *heap*.py", "lineno", False, [Filter(True, "*heap*.py")]
    yield "--by lineno --exclude *heap*.p[xy],<frozen*", "lineno", False, [Filter(False, "*heap*.p[xy]"), Filter(False, "<frozen*")]
    yield "--by traceback --filter *target.py --all-frames", "traceback", False, [Filter(True, "*target.py", all_frames=True)]
    yield ("--by filename --exclude *target.py --all-frames", "filename", False,
           [Filter(False, "*target.py", all_frames=True)])
    yield "--by lineno --filter *:0,*heap_kinds.py", "lineno", False, [Filter(True, "*", 0), Filter(True, "*heap_kinds.py")]
    if domain:
        yield "--by lineno --filter @389047", "lineno", False, [domain(True, 389047)]
        yield "--by lineno --exclude @0", "lineno", False, [domain(False, 0)]
        yield "--by lineno --filter *[!x]py@7 --exclude @389047", "lineno", False, [Filter(True, "*[!x]py", domain=7), domain(False, 389047)]
        yield "--by filename --exclude *.py@7", "filename", False, [Filter(False, "*.py", domain=7)]


def objects(mine):
    """What the collector lists, and what that refers to, but for `mine`. Each allocation is traced: few are made."""
    listed = [o for o in gc.get_objects() if id(o) not in mine]
    seen = dict(zip(map(id, listed), listed))
    for begin in range(0, len(listed), 1000):
        referents = gc.get_referents(*listed[begin:begin + 1000])
        seen.update(zip(map(id, referents), referents))
    return seen


def write(out, taken, skipped):
    """Writes the truth of a child to the file descriptor `out`; stops tracing when all is asked."""
    own, (now, peak), traces = taken
    limit = _tracemalloc.get_traceback_limit()
    mine = set([id(taken), id(traces)])
    mine.update(map(id, traces))
    tracebacks = set([trace[2] for trace in traces])         # those that are equal are one object
    mine.update(map(id, tracebacks))
    for frames in tracebacks:
        mine.update(map(id, frames))
    seen = objects(mine)
    ask = _tracemalloc._get_object_traceback
    origins = [(address, ask(o)) for address, o in seen.items() if address not in mine]
    _tracemalloc.stop()
    text = report(own, now, peak, traces, limit, origins)
    meta = {"version": sys.version, "skipped": skipped, "objects": len(origins)}
    data = ("m " + json.dumps(meta) + "\n" + "".join(text) + "end\n").encode("utf-8")
    while data:
        data = data[os.write(out, data):]


def report(own, now, peak, traces, limit, origins):
    import tracemalloc
    path, line = own_line()
    kept, left_out = [], 0
    for trace in traces:
        if trace[2][0] == (path, line):
            left_out += trace[1]
        else:
            kept.append(trace)
    numbers, out, alike = {}, [], {}

    def number(frames):
        found = numbers.get(frames)
        if found is None:
            found = numbers[frames] = len(numbers)
            out.append("tb %s\n" % json.dumps(frames))
        return found

    for trace in kept:
        key = (trace[0], trace[1], number(trace[2]), trace[3] if len(trace) > 3 else 0)
        alike[key] = alike.get(key, 0) + 1
    for key in sorted(alike):
        out.append("tr %d %d %d %d %d\n" % (key + (alike[key],)))
    snapshot = tracemalloc.Snapshot(kept, limit)
    innermost_first = sys.version_info < (3, 7)
    for name, key, cumulative, filters in questions(tracemalloc):
        found = []
        for one in snapshot.filter_traces(filters).statistics(key, cumulative):
            frames = one.traceback._frames if innermost_first else tuple(reversed(one.traceback._frames))
            found.append([one.size, one.count, number(frames)])
        out.append("ts %s\n" % json.dumps([name, found]))
    for address, frames in origins:
        out.append("to %x %s\n" % (address, "-" if frames is None else number(frames)))
    out.append("T %s\n" % json.dumps({"own": own, "now": now, "peak": peak, "left_out": left_out, "traces": len(kept),
                                      "sum": sum([trace[1] for trace in kept]), "limit": limit}))
    return out



def lines(seen):
    """Loaded beside the other truths, which are asked in every child; this one says all it has in write()."""
    return []
