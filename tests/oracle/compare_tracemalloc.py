"""`tracemalloc`, `origin` and `export --sites` against tracemalloc's own word (driver.py --tracemalloc N); where
it is off, that coreheap says so.

Traces have no addresses in the truth: they are compared as a multiset of (domain, size, traceback, depth), and
per object by the traceback that get_object_traceback gives.
"""

import collections
import json
import subprocess

from reading import csv_rows


def folded(frames):
    return ";".join("%s:%d" % tuple(frame) for frame in frames)


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as lines:
        return list(csv_rows(lines))


def compare(comparison, reading):
    if "T" not in reading.truth.lines:
        compare_off(comparison, reading)
        return
    said = json.loads(reading.truth.lines["T"][0])
    tracebacks = [folded(json.loads(line)) for line in reading.truth.lines["tb"]]
    compare_figures(comparison, reading, said)
    traces = read_csv(reading.run(["tracemalloc", "--traces", "--format", "csv"], "traces.csv"))
    compare_traces(comparison, reading, tracebacks, traces)
    compare_statistics(comparison, reading, tracebacks)
    compare_objects(comparison, reading, tracebacks, traces)


def compare_off(comparison, reading):
    command = [reading.options.coreheap, *reading.arguments, "tracemalloc"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                          timeout=reading.options.timeout)
    expected = "this Python has no tracemalloc" if reading.version < (3, 4) else "tracemalloc is off"
    if done.returncode != 1 or expected not in done.stderr:
        comparison.problem("tracemalloc is off, says", ["exit %d: %s" % (done.returncode, (done.stderr + done.stdout)[:200])])


def compare_figures(comparison, reading, said):
    with open(reading.run(["tracemalloc", "--format", "json"], "tracemalloc.json"), encoding="utf-8") as report:
        sections = json.load(report)["sections"]
    ours = next(one for one in sections if one.get("name") == "tracemalloc")["values"]
    expected = {"traced": said["sum"], "peak": said["peak"], "traces": said["traces"], "overhead": said["own"],
                "frame_limit": said["limit"]}
    comparison.problem("figures of tracemalloc", ["%s is %d, says %s" % (name, value, ours.get(name))
                                                  for name, value in expected.items() if ours.get(name) != value])
    # The truth itself: its counter was read when one of the results was there already, at most all of them.
    if not 0 <= said["now"] - said["sum"] <= said["left_out"]:
        comparison.problem("the truth: traced memory is not the sum of its traces", [said])
    comparison.compared(len(expected))


def compare_traces(comparison, reading, tracebacks, traces):
    truth = collections.Counter()
    for line in reading.truth.lines["tr"]:
        domain, size, traceback, depth, count = (int(word) for word in line.split())
        truth[(domain, size, tracebacks[traceback], depth)] += count
    ours = collections.Counter((int(row["domain"]), int(row["size"]), row["traceback"], int(row["depth"] or 0)) for row in traces)
    comparison.note("traces compared %d, tracebacks %d" % (sum(truth.values()), len(set(key[2] for key in truth))))
    comparison.compared(sum(truth.values()))
    comparison.problem("traces missing", ["%s x%d" % one for one in (truth - ours).items()])
    comparison.problem("traces extra", ["%s x%d" % one for one in (ours - truth).items()])
    addresses = [int(row["address"], 16) for row in traces]
    if addresses != sorted(addresses):
        comparison.problem("traces out of order", ["by address"])


def compare_statistics(comparison, reading, tracebacks):
    for line in reading.truth.lines["ts"]:
        name, truth = json.loads(line)
        rows = read_csv(reading.run(["tracemalloc", *name.split(), "--format", "csv"], "statistics.csv"))
        expected = [(size, count, tracebacks[traceback]) for size, count, traceback in truth]
        ours = []
        for row in rows:
            frames = row["traceback"] or "%s:%s" % (row["file"], row["line"] or 0)
            ours.append((int(row["size"]), int(row["count"]), frames))
        wrong = ["%s, says %s" % pair for pair in zip(expected, ours) if pair[0] != pair[1]]
        if len(expected) != len(ours):
            wrong.append("%d lines, says %d" % (len(expected), len(ours)))
        comparison.compared(len(expected))
        comparison.problem("statistics " + name, wrong, 4)
    comparison.note("%d statistics compared" % len(reading.truth.lines["ts"]))


def compare_objects(comparison, reading, tracebacks, traces):
    sited = read_csv(reading.run(["export", "--sites", "--format", "csv"], "sites.csv"))
    ours = {int(row["object"], 16): row["site"] for row in sited if row["object"]}
    wrong, more, compared = [], collections.Counter(), 0
    samples = []
    for line in reading.truth.lines["to"]:
        address, traceback = line.split()
        address = int(address, 16)
        kind = reading.truth.objects[address][0] if address in reading.truth.objects else "?"
        site = ours.get(address)
        if site is None:
            continue                 # an object that is no row: compare_objects says so
        compared += 1
        expected = tracebacks[int(traceback)] if traceback != "-" else ""
        if site != expected.split(";")[0]:
            # 3.11 looks for the trace behind an instance's two words in front of its collector's head.
            if not expected and reading.version == (3, 11):
                more[kind] += 1
            else:
                wrong.append("%#x %s is from %s, says %s" % (address, kind, expected.split(";")[0] or "nowhere", site or "nowhere"))
        elif expected and len(samples) < 5 and compared % 1000 < 20:
            samples.append((address, expected))
    comparison.problem("wrong site of an object", wrong)
    comparison.note("sites of objects compared %d%s" % (compared, "; found where 3.11 finds none: %d" % sum(more.values()) if more else ""))
    comparison.compared(compared)
    for address, expected in samples:
        rows = read_csv(reading.run(["origin", hex(address), "--format", "csv"], "origin.csv"))
        said = ";".join("%s:%s" % (row["file"], row["line"]) for row in rows)
        comparison.problem("origin", [] if said == expected else ["%#x: %s, says %s" % (address, expected, said)])
    if not samples:
        comparison.problem("origin", ["no object to ask for"])
    own = [row for row in sited if row["kind"] == "tracemalloc data"]
    comparison.note("blocks of tracemalloc's own: %d" % len(own))
    if len(own) < len(traces):       # each has an entry of its own, and more
        comparison.problem("blocks of tracemalloc's own that are named", [len(own)])
    by_site = sum(1 for row in sited if row["site"])
    traced = sum(1 for row in traces if row["domain"] == "0")
    comparison.note("%d of %d traces lie in a row" % (by_site, traced))
