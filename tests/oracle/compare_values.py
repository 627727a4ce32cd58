"""The value of every object of the types that print all they hold, against ascii() in the target; members of
sets in any order. One object of each other type, and every class, as their own repr says."""

import collections
import csv

import moved


def load(path):
    with open(path, newline="", encoding="utf-8") as lines:
        reader = csv.reader(lines)
        next(reader)
        return {int(row[0], 16): row[1] for row in reader if row[0]}


def shorten(text):
    return text if len(text) <= 160 else text[:120] + " ... " + text[-30:]


def difference(theirs, ours):
    at = next((i for i, (a, b) in enumerate(zip(theirs, ours)) if a != b), min(len(theirs), len(ours)))
    begin = max(0, at - 20)
    return "at %d: is %r, says %r" % (at, shorten(theirs[begin:begin + 100]), shorten(ours[begin:begin + 100]))


def compare(comparison, reading):
    truth = reading.truth
    if "v" not in truth.lines:
        return
    values = load(reading.run(["export", "--columns", "object,value", "--max-value", "100000", "--format", "csv"], "values.csv"))
    wrong, missing = collections.defaultdict(list), []
    compared = collections.Counter()
    for line in truth.lines["v"]:
        address, form, theirs = line.split(" ", 2)
        address = int(address, 16)
        if address not in truth.objects:
            continue
        name = truth.objects[address][0]
        ours = values.get(address)
        if ours is None:
            missing.append("%#x %s" % (address, name))
            continue
        compared[form] += 1
        if not moved.same_text(reading, ours, theirs):
            wrong["%s (%s)" % (name, form)].append("%#x %s %s" % (address, name, difference(theirs, ours)))
    comparison.compared(sum(compared.values()))
    comparison.note("values compared: %d whole, %d long ints, %d other types, %d classes; left out: %s" %
                    (compared["a"], compared["i"], compared["o"], compared["t"], ", ".join(truth.lines.get("V", [])) or "none"))
    comparison.problem("objects without a value", missing)
    comparison.problem("wrong values by type: " + ", ".join("%s %d" % (name, len(group)) for name, group in wrong.items()),
                       [one for group in wrong.values() for one in group[:3]], 40)
