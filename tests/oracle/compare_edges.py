"""Every reference of every object against gc.get_referents: as multisets, holder by holder.

References that coreheap marks with the cause of a skip must not be listed by the collector; guesses (words
of C types nobody described) may be more than it lists, never less. Causes and guesses are counted.
"""

import collections
import csv


def load(path):
    """holder -> targets that the collector should list, and guesses; causes of the others, counted."""
    edges, guesses, causes = collections.defaultdict(list), collections.defaultdict(list), collections.Counter()
    with open(path, newline="", encoding="utf-8") as lines:
        reader = csv.reader(lines)
        header = next(reader)
        holder_at, target_at, skipped_at, guess_at = (header.index(name) for name in ("holder", "target", "skipped", "guess"))
        for row in reader:
            if row[skipped_at]:
                causes[row[skipped_at]] += 1
            else:
                into = guesses if row[guess_at] == "true" else edges
                into[int(row[holder_at], 16)].append(int(row[target_at], 16))
    return edges, guesses, causes


def compare(comparison, reading):
    truth = reading.truth
    if "e" not in truth.lines:
        return
    edges, guesses, causes = load(reading.run(["export", "--references", "--format", "csv"], "references.csv"))
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
    comparison.note("references compared %d; skipped by the collector: %s" %
                    (compared, ", ".join("%s %d" % one for one in causes.most_common())))
    if guessed:
        comparison.note("objects with guessed references: " + ", ".join("%s %d" % one for one in guessed.most_common(20)))
    by_type = collections.Counter(name for name, _, _ in wrong.values())

    def show(address, counter):
        shown = []
        for target in list(counter)[:4]:
            named = truth.objects.get(target)
            shown.append("%#x %s x%d" % (target, named[0] if named else "?", counter[target]))
        return ", ".join(shown) or "nothing"

    # One of each type first: a hundred of one kind is one fault.
    firsts = {}
    for address, (name, _, _) in wrong.items():
        firsts.setdefault(name, []).append(address)
    order = [a for _, group in sorted(firsts.items(), key=lambda one: len(one[1])) for a in group[:2]]
    comparison.problem("wrong references by type: " + ", ".join("%s %d" % one for one in by_type.most_common(30)),
                       ["%#x %s: missing %s; extra %s" % (a, wrong[a][0], show(a, wrong[a][1]), show(a, wrong[a][2])) for a in order]
                       + [None] * (len(wrong) - len(order)), 60)
