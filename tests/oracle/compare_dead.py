"""Objects that were freed are no live ones, however well their bytes look: on free lists, in blocks given back
to either allocator, kept as a code object's dead frame.

A live object may have taken the place since. Mostly the truth lists it; else it must have a cause of causes.py,
which no dead object has, for no live word holds it.
"""

import collections

import causes as cause_list


def explained(reading):
    """Objects more than the truth that something alive holds."""
    truth = reading.truth
    extras = {a: row for a, row in reading.objects.items() if a not in truth.objects}
    return cause_list.explain(extras, truth.objects, truth.meta["bases"], reading.rows, reading.kind_at, reading.memory,
                              reading.version >= (3, 14))[0]


def compare(comparison, reading):
    truth = reading.truth
    wrong, states, total = [], collections.Counter(), 0
    holders = {row["begin"]: row for row in reading.rows}
    for line in truth.lines.get("d", ()):
        word, _, kind = line.partition(" ")
        address = int(word, 16)
        total += 1
        if address in truth.objects:
            states["reused"] += 1
            continue
        row = reading.objects.get(address)
        if row is not None:
            wrong.append((address, kind, "%#x %s, as a live %s in %s %s" % (address, kind, row["type"], row["allocator"], row["kind"])))
            continue
        near = next((holders[address - back] for back in (0, 16, 24, 32, 48, 64) if address - back in holders), None)
        states[near["state"] if near else "inside another block"] += 1
    if wrong:
        causes = explained(reading)
        states["reused"] += sum(1 for address, _, _ in wrong if address in causes)
        wrong = [one for one in wrong if one[0] not in causes]
    comparison.compared(total)
    if total:
        comparison.note("dead objects %d: %s" % (total, ", ".join("%s %d" % one for one in states.most_common())))
    by_kind = collections.Counter(kind for _, kind, _ in wrong)
    comparison.problem("dead objects shown as live: " + ", ".join("%s %d" % one for one in by_kind.most_common(20)),
                       [text for _, _, text in wrong], 20)
