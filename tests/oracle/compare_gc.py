"""`gc` against the module gc: settings, counts, statistics, garbage, callbacks, frozen objects; and of each
object whether it is tracked, finalized, and in which generation.

Where a version cannot say (generations before 3.8, marks before 3.9) the sums still must agree.
"""

import json

from moved import is_moved
from reading import csv_rows


def load_objects(path):
    """object -> (tracked, generation, finalized), as texts."""
    found = {}
    with open(path, newline="", encoding="utf-8") as lines:
        for row in csv_rows(lines):
            found[int(row["object"], 16)] = (row["tracked"], row["generation"], row["finalized"])
    return found


def sections_of(report):
    return {section["name"]: section for section in report["sections"]}


def compare_settings(comparison, reading, report, said):
    sections = sections_of(report)
    ours, table = sections["collector"]["values"], report["rows"]
    figures = {"enabled": ours.get("enabled"), "debug": ours.get("debug_flags"), "collecting": ours.get("collecting"),
               "threshold": [row["threshold"] for row in table[:3]], "count": [row["count"] for row in table[:3]],
               "garbage": [int(row["object"], 16) for row in sections["garbage"]["rows"]],
               "callbacks": [int(row["object"], 16) for row in sections["callbacks"]["rows"]],
               "garbage length": ours.get("garbage"), "frozen": ours.get("frozen")}
    theirs = dict(said, collecting=False, count=reading.truth.meta["gc_count"])
    theirs["garbage length"] = len(said["garbage"])
    stats = theirs.pop("stats")
    if stats is not None:
        names = ("collections", "collected", "uncollectable")
        theirs["stats"] = [[one[name] for name in names] for one in stats]
        figures["stats"] = [[row[name] for name in names] for row in table[:3]]
    # Up to 3.6 they are static variables that only the program's machine code leads to.
    if reading.version < (3, 7) and is_moved(reading):
        for name in ("enabled", "debug", "collecting"):
            if figures[name] is None:
                del theirs[name]
    comparison.compared(len(theirs))
    comparison.problem("settings of the collector", ["%s: %s, says %s" % (name, theirs[name], figures[name])
                                                     for name in sorted(theirs) if theirs[name] != figures[name]], 20)
    return {row["generation"]: row["objects"] for row in table}


def compare(comparison, reading):
    truth = reading.truth
    if "gc" not in truth.lines:
        return
    said = json.loads(truth.lines["gc"][0])
    sizes = compare_settings(comparison, reading, reading.report(["gc", "--format", "json", "--limit", "all"], "gc.json"), said)
    objects = load_objects(reading.run(["gc", "--objects", "--format", "csv"], "gc-objects.csv"))

    def name(address):
        return truth.objects[address][0] if address in truth.objects else "?"
    tracked = {a for a, (_, _, how) in truth.objects.items() if how[0] == "t"}
    wrong = [a for a in truth.objects if (objects.get(a, ("false",))[0] == "true") != (a in tracked)]
    comparison.compared(len(truth.objects))
    comparison.problem("tracked or not", ["%#x %s: %s, says %s" % (a, name(a), a in tracked, objects.get(a)) for a in wrong])

    places = {a: place for a, (_, place, _) in objects.items() if place}
    listed = {a for a in places if a in truth.objects}
    comparison.problem("tracked, but in no list", ["%#x %s" % (a, name(a)) for a in sorted(tracked - listed)])
    comparison.problem("in a list, but not tracked", ["%#x %s" % (a, name(a)) for a in sorted(listed - tracked)])
    comparison.problem("in a list, but no object of the truth", ["%#x %s" % (a, places[a]) for a in places if a not in truth.objects])
    comparison.problem("objects in all lists", ["%d, says %s" % (len(tracked), sizes)] if sum(sizes.values()) != len(tracked) else [])

    generations = {}
    for line in truth.lines.get("gg", ()):
        generation, _, rest = line.partition(" ")
        generations[generation] = [int(word, 16) for word in rest.split()]
    if generations:
        theirs = {a: generation for generation, members in generations.items() for a in members}
        if said["frozen"] is not None:
            theirs.update((a, "permanent") for a in tracked if a not in theirs)
        comparison.compared(len(theirs))
        comparison.problem("generation", ["%#x %s: %s, says %s" % (a, name(a), theirs[a], places.get(a))
                                          for a in sorted(theirs) if places.get(a) != theirs[a]])
        comparison.problem("objects of a generation", ["%s: %d, says %s" % (g, len(members), sizes.get(g))
                                                       for g, members in generations.items() if sizes.get(g) != len(members)])
    finalized = [a for a, (_, _, mark) in objects.items() if mark == "true" and a in truth.objects]
    for line in truth.lines.get("gf", ()):
        theirs = {int(word, 16) for word in line.split()}
        comparison.compared(len(theirs))
        comparison.problem("finalized", ["%#x %s" % (a, name(a)) for a in sorted(theirs.symmetric_difference(finalized))])
    comparison.note("collector: %s; %d tracked, %d finalized, %d garbage, %d callbacks" %
                    (", ".join("%s %d" % one for one in sizes.items()), len(tracked), len(finalized), len(said["garbage"]),
                     len(said["callbacks"])))
