"""The set of objects, their types and reference counts; a cause for every object more than the process lists.

Invariant: an object is right only when address, type and count all are; one more than the truth must have a
cause of causes.py.
"""

import bisect
import sys

import causes as cause_list
import moved
from reading import by, top


def compare(comparison, reading):
    truth, rows, memory, version = reading.truth, reading.rows, reading.memory, reading.version
    found = reading.objects
    comparison.compared(len(truth.objects))
    missing = [a for a in truth.objects if a not in found]
    wrong = [(a, truth.objects[a][0], found[a]["type"]) for a in truth.objects
             if a in found and not moved.same_name(reading, found[a]["type"], truth.objects[a][0])]
    marked = by(truth.objects[a][0] for a in truth.objects if a in found and moved.is_marked(found[a]["type"]))
    counts = []
    for a in truth.objects:
        row = found.get(a)
        word = memory.word(a)
        if row is None or word is None or not row["refcount"] or row["refcount"] == "immortal":
            continue
        real = word & 0xffffffff if version >= (3, 12) else word
        if real != int(row["refcount"]):
            counts.append("%#x %s: %d, says %s" % (a, row["type"], real, row["refcount"]))
    extras = {a: row for a, row in found.items() if a not in truth.objects}
    if moved.is_moved(reading):                        # causes go by what a holder is, not by what it may be
        rows = [dict(row, type=truth.objects[row["object"]][0]) if row["object"] in truth.objects and moved.is_marked(row["type"])
                else row for row in rows]
    causes, unexplained = cause_list.explain(extras, truth.objects, truth.meta["bases"], rows, reading.kind_at, memory, version >= (3, 14))
    comparison.note("objects compared %d, missing %d, wrong type %d, extra explained %d, unexplained %d"
                    % (len(truth.objects), len(missing), len(wrong), len(causes), len(unexplained)))
    if moved.is_moved(reading):
        comparison.note("types whose name is marked %d, with %d objects: %s" % (len(marked), sum(marked.values()), top(marked, 30)))
    else:
        comparison.problem("marked names", marked)
    if causes:
        comparison.note("causes: " + top(by(causes.values()), 20))
    # The rare types first: a hundred of one kind is one fault.
    frequency = by(truth.objects[a][0] for a in missing)
    missing.sort(key=lambda a: (frequency[truth.objects[a][0]], a))
    comparison.problem("missing by type: " + top(frequency, 12),
                       ["%#x %s %s; words from -16: %s" % (a, truth.objects[a], where(a, rows, reading),
                                                           " ".join("%x" % (memory.word(a + 8 * k) or 0) for k in range(-2, 5)))
                        for a in missing])
    comparison.problem("wrong type", ["%#x is %s, says %s" % one for one in wrong])
    comparison.problem("wrong refcount", counts)
    if reading.entry.get("extensions"):
        # What packages leak is in use and no word leads to it; holders of their own making are described nowhere.
        strange = [a for a in unexplained if extras[a]["allocator"] not in ("pymalloc", "glibc")]
        comparison.note("in use and not explained, by type: " + top(by(extras[a]["type"] for a in unexplained)))
        unexplained = {a: unexplained[a] for a in strange}
    comparison.problem("unexplained by type: " + top(by(extras[a]["type"] for a in unexplained)),
                       ["%#x %s %s refcount %s: %s" % (a, extras[a]["type"], extras[a]["allocator"], extras[a]["refcount"],
                                                       "; ".join(unexplained[a][:3])) for a in unexplained], 12)


def where(address, rows, reading):
    i = bisect.bisect_right(rows, address, key=lambda r: r["begin"]) - 1 if sys.version_info >= (3, 10) else -1
    if i >= 0 and address < rows[i]["end"]:
        row = rows[i]
        return "in row %#x %s %s %s %s" % (row["begin"], row["allocator"], row["state"], row["kind"], row["type"])
    if reading.kind_at(address):
        return "in range %s" % reading.kind_at(address)
    region = reading.memory.region_of(address)
    return "in no row (%s)" % (region.name if region else "no writable region")
