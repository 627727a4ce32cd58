"""The waterfall: its lines add up, mapping by mapping, to what the kernel counts.

Live, each mapping's causes are its Rss in smaps, and their sum is Rss of smaps_rollup. In a core of the kernel the
resident bytes of anonymous mappings are those that smaps counted before the process died, to the page.
"""

import json


def compare(comparison, reading):
    with open(reading.run(["rss", "--mappings", "--format", "json"], "rss.json")) as text:
        report = json.load(text)
    mappings, columns = report["rows"], [column["name"] for column in report["columns"]]
    codes = columns[columns.index("py.objects"):]
    comparison.problem("mappings whose causes do not add up",
                       ["%s: %d, not %d" % (row["begin"], sum(row[code] for code in codes), row["bytes"])
                        for row in mappings if sum(row[code] for code in codes) != row["bytes"]])
    causes = next(section for section in report["sections"] if section["name"] == "causes")
    sums = {code: sum(row[code] for row in mappings) for code in codes}
    comparison.problem("causes that are not the sum of their mappings",
                       ["%s: %d, mappings %d" % (row["code"], row["bytes"], sums[row["code"]])
                        for row in causes["rows"] if row["bytes"] != sums[row["code"]]])
    beside = next(section for section in report["sections"] if section["name"] == "beside")["values"]
    if reading.live:
        live(comparison, reading, mappings, causes, beside)
    elif beside["basis"] == "resident_private":
        dead(comparison, reading, mappings)
    else:
        lost(comparison, causes)


def live(comparison, reading, mappings, causes, beside):
    smaps = reading.counted.smaps
    comparison.problem("mappings whose causes are not their Rss",
                       ["%s: %d, Rss %d" % (row["begin"], row["bytes"], row["rss"]) for row in mappings if row["bytes"] != row["rss"]])
    # The parent has not run since: the kernel's own figures, read once more, are the same. (A file's clean pages may
    # have come or gone meanwhile.)
    comparison.problem("anonymous mappings whose Rss is not what smaps says",
                       ["%s: %d, smaps %s" % (row["begin"], row["rss"], smaps.get(int(row["begin"], 16)))
                        for row in mappings if row["kind"] in ("anonymous", "stack") and row["rss"] != smaps.get(int(row["begin"], 16))])
    total = causes["totals"]["bytes"]
    comparison.problem("placed by proportion", [beside["estimated"]] if beside["estimated"] else [])
    comparison.problem("the sum is not Rss over smaps", [total] if total != sum(row["rss"] for row in mappings) else [])
    comparison.compared(len(mappings))
    comparison.note("RSS %d in %d mappings is the sum of its causes; VmRSS says %s" %
                    (total, len(mappings), "the same" if beside["vm_rss"] == total else beside["vm_rss"]))


def dead(comparison, reading, mappings):
    """The core's mappings are cut where files begin in them: sums over those that lie in one of the live process."""
    ours = {}
    for row in mappings:
        if row["kind"] not in ("anonymous", "stack"):
            continue
        begin = int(row["begin"], 16)
        for (low, high, _) in reading.memory.mappings:
            if low <= begin < high:
                ours[low] = ours.get(low, 0) + row["bytes"]
    # Marked MADV_DONTDUMP (the libc's page of random bytes from 2.41 on): resident, and in no core.
    undumped = reading.counted.undumped
    theirs = {begin: rss for begin, rss in reading.counted.anonymous.items() if begin in ours and begin not in undumped}
    wrong = ["%#x: %d resident in the core, smaps said %d" % (begin, ours[begin], theirs[begin])
             for begin in sorted(theirs) if ours[begin] != theirs[begin]]
    # What smaps counts and no core has.
    missing = ["%#x: %d" % (begin, rss) for begin, rss in reading.counted.anonymous.items()
               if rss and begin not in ours and begin not in undumped]
    comparison.problem("anonymous mappings of which the core says otherwise", wrong)
    comparison.problem("resident anonymous mappings that the core does not show", missing)
    comparison.compared(len(theirs))
    comparison.note("%d resident bytes of %d anonymous mappings are those that smaps counted before the end; left out by "
                    "MADV_DONTDUMP %d" % (sum(theirs.values()), len(theirs), sum(reading.counted.smaps[begin] for begin in undumped)))


def lost(comparison, causes):
    total = causes["totals"]
    comparison.problem("the lower bound is above the upper one",
                       [total] if not 0 < total["at_least"] <= total["bytes"] else [])
    comparison.compared(len(causes["rows"]))
    comparison.note("residency is lost: between %d and %d" % (total["at_least"], total["bytes"]))
