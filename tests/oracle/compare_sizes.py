"""sys.getsizeof of every object against `shallow`, the mark of classes that say their own size, and that the
heap has an instance for every __sizeof__ that this interpreter's types bring (sizeof_types.py lists them).

Invariant: a __sizeof__ without an instance in the heap is a failure unless NO_INSTANCE says why there can be none.
"""

import collections

import moved

# type -> why no instance of it, nor of a subclass that inherits its __sizeof__, can be in the heap.
NO_INSTANCE = {}

MARK = "sizeof overridden"


def compare(comparison, reading):
    truth, found = reading.truth, reading.objects
    overridden = {}
    for line in truth.lines.get("s", ()):
        address, size = line.split()
        overridden[int(address, 16)] = int(size)
    wrong, unsized, marks, refused, untold = [], [], [], 0, 0
    for address, (name, size, _) in truth.objects.items():
        row = found.get(address)
        if row is None:
            continue                               # counted as missing already
        size = overridden.get(address, size)
        if size < 0:                               # its __sizeof__ raises
            refused += 1
        elif not row["shallow"]:
            if moved.is_moved(reading) and "array.array" in truth.meta["bases"].get(name, [name]):
                untold += 1                        # the width of an item is in read-only data of the file
            else:
                unsized.append((address, name, size))
        elif int(row["shallow"]) != size:
            wrong.append((address, name, size, row["shallow"]))
        if (MARK in row["notes"]) != (address in overridden):
            marks.append((address, name, row["notes"]))
    comparison.compared(len(truth.objects) - refused)
    comparison.note("sizes compared %d, by a class's own word %d, that raise %d%s" %
                    (len(truth.objects), len(overridden), refused, ", of arrays that cannot be told %d" % untold if untold else ""))

    def firsts(items):
        """Two of each type, rare types first: a hundred of one kind is one fault."""
        by_name = collections.defaultdict(list)
        for item in items:
            by_name[item[1]].append(item)
        return [item for group in sorted(by_name.values(), key=len) for item in group[:2]]

    def show(title, items, text):
        order = firsts(items)
        names = collections.Counter(item[1] for item in items)
        comparison.problem("%s by type: %s" % (title, ", ".join("%s %d" % one for one in names.most_common(30))),
                           [text % item for item in order] + [None] * (len(items) - len(order)), 40)
    show("wrong size", wrong, "%#x %s is %d, says %s")
    show("no size", unsized, "%#x %s is %d, says nothing")
    show("wrong mark of an overridden __sizeof__", marks, "%#x %s: notes '%s'")

    names, unimported = reading.sized_types()
    bases, present = truth.meta["bases"], set()
    for name in {name for name, _, _ in truth.objects.values()}:
        present.update([one for one in bases.get(name, [name]) if one in names][:1])
    absent = sorted(names - present - set(NO_INSTANCE))
    comparison.note("types with a __sizeof__ of their own %d, of them without an instance here %d%s" %
                    (len(names), len(absent), "".join("; %s: %s" % (n, NO_INSTANCE[n]) for n in sorted(names & set(NO_INSTANCE)))))
    if unimported:
        comparison.note("modules that could not be asked for types: " + "; ".join(unimported))
    comparison.problem("types with a __sizeof__ and no instance in the heap", absent, 60)
