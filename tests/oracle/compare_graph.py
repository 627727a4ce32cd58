"""The graph: the refcount audit, garbage against what a collection frees, edges in both directions, dominators.

audit      of the objects that can be freed, those whose refcount is not explained by objects, frames and words of
           memory are at most ten; no refcount is smaller than what refers to the object
garbage    the objects that gc.collect() finds unreachable are those that are listed, no more and no fewer;
           what else is listed hangs on them alone
dominators sizes of siblings add up, and a module's parts to the heap
"""

import collections

from reading import csv_rows

MOST_LEFT = 10
GENERATORS = ("generator", "coroutine", "async_generator")


def load(path):
    with open(path, newline="", encoding="utf-8") as lines:
        return list(csv_rows(lines))


def amounts(path, column):
    """(rows, sum of a column)"""
    values = [int(row[column]) for row in load(path)]
    return len(values), sum(values)


def summary(report):
    return {section["name"]: section for section in report["sections"]}["summary"]["values"]


def compare_audit(comparison, reading):
    figures = reading.report(["orphans", "--all", "--format", "json"], "orphans.json", summary)
    objects = load(reading.run(["orphans", "--objects", "--format", "csv"], "unexplained.csv"))
    causes = collections.Counter()
    for row in objects:
        causes[row["cause"]] += 1
    left = collections.Counter(row["type"] for row in objects if row["left"] != "0")
    over = collections.Counter(row["type"] for row in objects if row["cause"] == "counts fewer than were found")
    comparison.compared(figures["mortal"])
    comparison.note("refcounts: %d of %d explained by objects and frames, %d by words of memory, %d by nothing, %d too small; %s" %
                    (figures["exact"], figures["mortal"], figures["missing"] - figures["left"], figures["left"], figures["over"],
                     ", ".join("%s %d" % one for one in causes.most_common(12))))
    if left:
        comparison.note("unexplained by type: " + ", ".join("%s %d" % one for one in left.most_common(12)))
    if over:
        comparison.note("refcounts too small by type: " + ", ".join("%s %d" % one for one in over.most_common(12)))
    if figures["left"] + figures["over"] > MOST_LEFT:
        comparison.problem("refcounts unexplained", ["%d left and %d over of %d: %s" % (figures["left"], figures["over"], figures["mortal"],
                                                                                       left.most_common(20))])
    comparison.problem("references to what is no object in use", ["%d" % figures["dangling"]] if figures["dangling"] else [])


def compare_garbage(comparison, reading):
    truth = reading.truth
    if "gx" not in truth.lines:
        comparison.note("no collection was tried: its fork is not known for this machine")
        return
    said = {int(word, 16) for line in truth.lines["gx"] for word in line.split()}
    rows = load(reading.run(["garbage", "--objects", "--format", "csv"], "garbage.csv"))
    ours = {int(row["object"], 16): row for row in rows}

    def shown(addresses):
        return ["%#x %s" % (a, truth.objects[a][0] if a in truth.objects else ours[a]["type"] if a in ours else "?")
                for a in sorted(addresses)]
    tracked = {a for a in ours if a in truth.objects and truth.objects[a][2][0] == "t"}
    comparison.compared(len(said | tracked))
    comparison.note("garbage: %d objects, %d of them tracked; a collection finds %d" % (len(ours), len(tracked), len(said)))
    comparison.problem("garbage that is not listed", shown(said - set(ours)), 20)
    wrong, holders = [], collections.defaultdict(set)
    for line in truth.lines.get("e", ()):
        words = [int(word, 16) for word in line.split()]
        if words[0] in ours:
            for target in words[1:]:
                holders[target].add(words[0])
        else:
            wrong += ["%#x holds %#x" % (words[0], target) for target in words[1:] if target in ours]
    # Finalizing a generator closes it: what only its frame held is freed before the collector lists its finds.
    closed = {a for a in tracked - said if holders[a] and all(truth.objects[h][0] in GENERATORS or h in tracked - said for h in holders[a])}
    if closed:
        comparison.note("freed when a generator was closed: %d" % len(closed))
    # A code object's constants: who holds them is not traversed, so the collector takes them for reachable and does
    # not list them; they go with their holder.
    behind = {a for a in tracked - said - closed if not holders[a]}
    if behind:
        comparison.note("garbage whose holders the collector passes over: %d" % len(behind))
    comparison.problem("listed as garbage, and not collected", shown(tracked - said - closed - behind), 20)
    comparison.problem("garbage that something alive refers to", wrong)


def compare_dominators(comparison, reading):
    # Roots of the same size may stand in another order, for their frames are read from other places.
    amount, total = reading.pick(["dominators", "--format", "csv"], "dominators.csv", lambda path: amounts(path, "retained"))
    _, parts = reading.pick(["dominators", "--by", "module", "--format", "csv"], "modules.csv", lambda path: amounts(path, "size"))
    comparison.compared(amount)
    comparison.problem("parts by module", ["%d, and the tree's %d" % (parts, total)] if parts != total else [])
    owned = sum(row["size"] for row in reading.rows
                if row["state"] == "used" and not (row["allocator"] == "static" and not row["owner"]))
    comparison.problem("the tree's bytes", ["%d, and those in use %d" % (total, owned)] if owned != total else [])


def compare(comparison, reading):
    compare_audit(comparison, reading)
    compare_garbage(comparison, reading)
    compare_dominators(comparison, reading)
