"""Every reference of every object against gc.get_referents: as multisets, holder by holder.

References that coreheap marks with the cause of a skip must not be listed by the collector; guesses (words
of C types nobody described) may be more than it lists, never less. Each cause is proven, reference by
reference, by what the interpreter says of holder and target (`prove`), and all of them by the reference
counts: nobody is held more often than the interpreter has counted.
"""

import collections
import csv
import operator

from causes import immortal

HEAP_TYPE = 1 << 9
FEWEST_INTERNED = 500
# What a field can hold that its type's tp_traverse leaves out as no container.
ATOMS = frozenset("str bytes int long bool unicode float complex NoneType bytearray".split())


class References:
    """holder -> targets that the collector should list, and guesses; the others with their cause; how often
    each object is held by references that own."""

    def __init__(self, path):
        self.edges, self.guesses = collections.defaultdict(list), collections.defaultdict(list)
        self.skipped, self.held, self.targets = [], collections.Counter(), collections.defaultdict(list)
        with open(path, newline="", encoding="utf-8") as lines:
            reader = csv.reader(lines)
            names = next(reader)
            wanted = operator.itemgetter(*map(names.index, ("holder", "target", "name", "skipped", "counted", "guess")))
            for holder, target, name, cause, counted, guess in map(wanted, reader):
                holder, target = int(holder, 16), int(target, 16)
                if cause:
                    self.skipped.append((cause, holder, target, name))
                else:
                    (self.guesses if guess == "true" else self.edges)[holder].append(target)
                if counted == "true" and guess != "true":
                    self.held[target] += 1
                    self.targets[holder].append(target)

    def uncounted(self, comparison, reading):
        """How often each object is held by holders that count nobody: the table of interned strings, a dict whose
        keys are their own values, what was compiled into the program whole, constants included (3.11, 3.12), and the
        tuples that C keeps in static variables to call with again (2.7's cPickle; property, up to 3.7): their items
        are borrowed (`kept_by_c`)."""
        out = collections.Counter()

        def interned(target):
            row = reading.objects.get(target)
            return row is not None and row["type"] == "str" and (row["detail"] == "interned" or reading.version < (3, 0))

        for holder, targets in self.targets.items():
            row = reading.objects.get(holder)
            if row is None:
                continue
            if row["type"] == "dict" and len(targets) > 2 * FEWEST_INTERNED:
                # What fills a deleted entry is a key alone; a static string need not be marked.
                paired = [key for key, value in zip(targets, targets[1:]) if key == value]
                if len(paired) * 2 >= len(targets) * 7 // 8 and sum(map(interned, paired)) >= len(paired) * 7 // 8:
                    out.update(paired * 2)
            elif row["allocator"] == "static" and row["type"] in ("tuple", "code") and immortal(row["refcount"]):
                out.update(targets)
        if reading.version < (3, 8):
            kept = kept_by_c(reading, self)
            comparison.problem("tuples that C keeps", [] if len(kept) < 2 else ["%#x" % one for one in kept])
            for holder in kept:
                out.update(self.targets[holder])
        return out


def kept_by_c(reading, references):
    """The tuple that C code keeps in a static variable to call with again, without owning its items: 2.7's cPickle
    one of two; property one of one, up to 3.7, not tracked though its item is. Nobody lists it, it counts one
    reference, and that is a C global's."""
    length = 2 if reading.version < (3, 0) else 1
    found = []

    def tracked(target):
        return target in reading.truth.objects and reading.truth.objects[target][2][0] == "t"

    for holder, targets in references.targets.items():
        row = reading.objects.get(holder)
        if (row is None or row["type"] != "tuple" or len(targets) != length or references.held[holder]
                or holder in reading.truth.objects or row["refcount"] != "1" or (length == 1 and not tracked(targets[0]))):
            continue
        places = reading.report(["referrers", hex(holder), "--format", "json"], "referrers.json",
                                lambda report: [one["type"] for one in report["rows"]])
        if places and all(place.startswith("C globals of") for place in places):
            found.append(holder)
    return found


def described(reading, references, address, name, held, count):
    """Whom to suspect first: holders that the process itself does not list."""
    holders = [holder for holder, targets in references.targets.items() if address in targets]
    unlisted = ["%#x %s" % (holder, reading.objects[holder]["type"] if holder in reading.objects else "?")
                for holder in holders if holder not in reading.truth.objects]
    return "%#x %s: %d references found, count %d; holders that the truth lacks: %s" % (
        address, name, held, count, ", ".join(unlisted[:6]) or "none")


def prove(comparison, reading, references, lists):
    """Asks of each skipped reference what its cause claims; prints how many each cause explains."""
    truth = reading.truth
    flags, only_str, lengths = {}, set(), {}
    for line in truth.lines["ef"]:
        address, bits = line.split()
        flags[int(address, 16)] = int(bits, 16)
    for line in truth.lines["ek"]:
        address, length, kind = line.split()
        lengths[int(address, 16)] = int(length)
        if kind == "s":
            only_str.add(int(address, 16))

    def name_of(address):
        if address in truth.objects:
            return truth.objects[address][0]
        row = reading.objects.get(address)
        return row["type"] if row else "?"

    keys = collections.Counter()
    counts, wrong = collections.Counter(), collections.defaultdict(list)
    for cause, holder, target, name in references.skipped:
        counts[cause] += 1
        if cause == "uncollected":
            # A class below such a type is collected, and lists what it adds itself.
            sound = holder not in lists or target not in lists[holder]
        elif cause == "static_type":
            sound = not flags.get(holder, 0) & HEAP_TYPE and holder not in lists
        elif cause == "str_keys":
            sound = name_of(target) in ("str", "unicode")
            keys[holder] += 1
        elif cause == "shared_keys":
            sound = name_of(target) in ("str", "unicode")
        elif cause == "atom":
            sound = name_of(target) in ATOMS
        else:
            sound = True
        if not sound:
            wrong[cause].append("%#x %s holds %#x %s as %s" % (holder, name_of(holder), target, name_of(target), name))
    for holder, count in keys.items():
        if holder in lengths and (count != lengths[holder] or holder not in only_str):
            wrong["str_keys"].append("%#x %s: %d keys passed over, has %d, %s" % (
                holder, name_of(holder), count, lengths[holder], "all str" if holder in only_str else "not all str"))
    for cause, items in sorted(wrong.items()):
        comparison.problem("skipped as %s, which is not so" % cause, items, 20)
    over, audited, exact = [], 0, 0
    uncounted = references.uncounted(comparison, reading)
    for address in truth.objects:
        row = reading.objects.get(address)
        if row is None or immortal(row["refcount"]):
            continue
        audited += 1
        held, count = references.held[address] - uncounted[address], int(row["refcount"])
        exact += held == count
        if held > count:
            over.append((address, row["type"], held, count))
    comparison.problem("held more often than counted", [described(reading, references, *one) for one in over[:30]]
                       + [None] * len(over[30:]), 30)
    comparison.note("skipped by the collector: " + ", ".join("%s %d" % one for one in counts.most_common()))
    comparison.note("%d of %d mortal objects are held just as often as counted" % (exact, audited))
    comparison.compared(len(references.skipped) + audited)


def compare(comparison, reading):
    truth = reading.truth
    if "e" not in truth.lines:
        return
    references = References(reading.run(["export", "--references", "--format", "csv"], "references.csv"))
    edges, guesses = references.edges, references.guesses
    said = {}
    for line in truth.lines["e"]:
        words = [int(word, 16) for word in line.split()]
        said[words[0]] = words[1:]
    wrong, guessed, compared = {}, collections.Counter(), 0
    empty = collections.Counter()
    for address, (name, _, _) in truth.objects.items():
        theirs, ours = said.get(address), edges.get(address)
        compared += len(theirs) if theirs else 0
        guess = guesses.get(address)
        if guess:
            guessed[name] += 1
        if theirs is None and ours is None:
            continue
        theirs = collections.Counter(theirs) if theirs else empty
        ours = collections.Counter(ours) if ours else empty
        if theirs == ours:
            continue
        missing, extra = theirs - ours, ours - theirs
        if guess:
            missing = missing - collections.Counter(guess)
        if missing or extra:
            wrong[address] = (name, missing, extra)
    comparison.compared(compared)
    comparison.note("references compared %d" % compared)
    prove(comparison, reading, references, said)
    if guessed:
        comparison.note("objects with guessed references: " + ", ".join("%s %d" % one for one in guessed.most_common(20)))
    by_type = collections.Counter(name for name, _, _ in wrong.values())

    def show(address, counter):
        shown = []
        for target in list(counter)[:4]:
            named, row = truth.objects.get(target), reading.objects.get(target)
            shown.append("%#x %s x%d" % (target, named[0] if named else "%s that the truth lacks" % row["type"] if row
                                         else "?", counter[target]))
        return ", ".join(shown) or "nothing"

    # One of each type first: a hundred of one kind is one fault.
    firsts = {}
    for address, (name, _, _) in wrong.items():
        firsts.setdefault(name, []).append(address)
    order = [a for _, group in sorted(firsts.items(), key=lambda one: len(one[1])) for a in group[:2]]
    comparison.problem("wrong references by type: " + ", ".join("%s %d" % one for one in by_type.most_common(30)),
                       ["%#x %s: missing %s; extra %s" % (a, wrong[a][0], show(a, wrong[a][1]), show(a, wrong[a][2])) for a in order]
                       + [None] * (len(wrong) - len(order)), 60)
