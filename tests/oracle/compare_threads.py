"""Every frame of every thread, and of all that waits, against the interpreter's own: function, file, line, variables."""

import json

from reading import csv_rows


def load(reading, words, name):
    with open(reading.run(["threads", *words, "--format", "csv"], name), newline="", encoding="utf-8") as lines:
        return list(csv_rows(lines))


def number(text):
    return int(text, 16) if text else 0


def stacks_missing(reading):
    """gdb's gcore gives up on a thread stack whose guard pages lie inside its mapping (glibc 2.42 on). The entry
    frames of C in it lead to the frames farther out, so those cannot be followed."""
    return reading.glibc >= (2, 42) and reading.by_gcore


def compare_stack(theirs, ours, forking, say, cut):
    """One thread. The fork itself stands in the first line of the forking thread, in another line than the truth."""
    if len(theirs) != len(ours) and not (cut and 0 < len(ours) < len(theirs)):
        say("%d frames, not %d" % (len(ours), len(theirs)))
        return
    for i, (their, our) in enumerate(zip(theirs, ours)):
        function, path, line, pairs = their
        if (our["function"], our["file"]) != (function, path):
            say("frame %d is %s in %s, not %s in %s" % (i, our["function"], our["file"], function, path))
        if our["line"] != ("" if line is None else str(line)) and not (forking and i == 0):
            say("frame %d stands in line %s, not %s" % (i, our["line"], line))
        if pairs is not None and our["locals"] != dict(map(tuple, pairs)):
            say("frame %d, %s: variables %s, not %s" % (i, function, our["locals"], pairs))


def compare(comparison, reading):
    truth = reading.truth
    if "t" not in truth.lines:
        return
    frames = load(reading, [], "threads.csv")
    variables = load(reading, ["--locals", "--suspended"], "locals.csv")
    waiting = {number(row["object"]): row for row in load(reading, ["--suspended"], "suspended.csv")}
    of_frame, of_holder = {}, {}
    for row in variables:
        into = of_frame.setdefault((row["thread"], row["frame"]), {}) if row["thread"] else of_holder.setdefault(number(row["holder"]), {})
        if row["hidden"] != "true":
            into[row["variable"]] = number(row["value"])
    stacks, names = {}, {}
    for row in frames:
        stack = stacks.setdefault(number(row["thread_id"]), [])
        names[number(row["thread_id"])] = row["name"]
        if row["frame"]:
            stack.append(dict(row, locals=of_frame.get((row["thread"], row["frame"]), {})))
    wrong, said = [], {}
    cut, shortened = stacks_missing(reading), 0
    for line in truth.lines["t"]:
        ident, _, text = line.partition(" ")
        said[int(ident, 16)] = json.loads(text)
    for ident, theirs in said.items():
        comparison.compared(len(theirs))
        forking = any(frame[0] == "main" for frame in theirs[:1])
        compare_stack(theirs, stacks.get(ident, []), forking,
                      lambda text, ident=ident: wrong.append("thread %#x (%s): %s" % (ident, names.get(ident, "not listed"), text)), cut)
        if len(stacks.get(ident, [])) < len(theirs):
            shortened += 1
    wrong += ["thread %#x is not one" % ident for ident in stacks if ident not in said and stacks[ident]]
    comparison.problem("wrong threads", wrong)
    if cut:
        comparison.note("threads whose outer frames are behind a stack that the core lacks: %d" % shortened)

    wrong, seen = [], set()
    for line in truth.lines.get("w", ()):
        address, _, text = line.partition(" ")
        state, name, function, path, at, pairs = json.loads(text)
        address = int(address, 16)
        seen.add(address)
        row = waiting.get(address)
        if row is None:
            wrong.append("%#x %s: not listed" % (address, name))
            continue
        want = (state or row["state"], name, function, path, str(at))
        have = (row["state"], row["name"], row["function"], row["file"], row["line"])
        if reading.version < (3, 0):
            want, have = want[:1] + want[2:], have[:1] + have[2:]
        if want != have:
            wrong.append("%#x: %s, not %s" % (address, have, want))
        if of_holder.get(address, {}) != dict(map(tuple, pairs)):
            wrong.append("%#x %s: variables %s, not %s" % (address, name, of_holder.get(address, {}), pairs))
    comparison.compared(len(seen))
    # More than the truth: whatever is alive but nobody can list, which compare_objects.py proves one by one.
    wrong += ["%#x %s: the truth has none" % (address, waiting[address]["name"]) for address in waiting
              if address not in seen and address in truth.objects]
    comparison.problem("wrong generators and coroutines", wrong, 12)
    comparison.note("threads %d, frames %d; that wait %d" % (len(said), sum(map(len, said.values())), len(seen)))
