"""One reading of a target by coreheap: its rows and ranges, and the list of what differs.

Invariant: every compare_NAME.py beside this file is run on every reading; what it finds counts under NAME.
"""

import bisect
import csv
import os
import re
import subprocess
import sys
import time
import traceback

INT_SLOT = 24                 # rows of 2.7's int blocks: no chunk has that size
csv.field_size_limit(1 << 30)


def cpu_seconds():
    """Of this process and of the coreheap that it ran: what a comparison costs, whatever else the machine does."""
    return sum(os.times()[:4])


class Comparison:
    """One reading of the target against the truth: counts and lines of trouble."""

    def __init__(self, title):
        self.title, self.problems, self.notes = title, [], []
        self.name, self.amounts, self.differences, self.seconds = "coreheap", {}, {}, {}

    def problem(self, name, items, shown=8):
        items = list(items)
        if items:
            self.problems.append((name, len(items), [item for item in items[:shown] if item is not None]))
            self.differences[self.name] = self.differences.get(self.name, 0) + len(items)

    def compared(self, amount):
        """How many single things the comparison that runs now has looked at: for docs/support.md."""
        self.amounts[self.name] = self.amounts.get(self.name, 0) + amount

    def run(self, name, compare, reading):
        """Runs one comparison; one that breaks is a difference too, and the others still run."""
        self.name, begun = name, cpu_seconds()
        self.differences.setdefault(name, 0)
        try:
            compare(self, reading)
        except RuntimeError as error:
            self.problem("compare_%s" % name, [error])
        except Exception:
            self.problem("compare_%s broke" % name, [traceback.format_exc().replace("\n", "\n        ")])
        self.seconds[name] = cpu_seconds() - begun

    def note(self, text):
        self.notes.append(text)

    def report(self):
        print("%s: %s" % (self.title, "FAILED" if self.problems else "ok"))
        for text in self.notes:
            print("    " + text)
        for name, count, items in self.problems:
            print("    ! %s: %d" % (name, count))
            for item in items:
                print("        " + str(item))
        sys.stdout.flush()


def run_coreheap(options, target, arguments, out):
    command = [options.coreheap, *arguments[:-1], target, *arguments[-1], "-o", out]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                              timeout=options.timeout)
    except subprocess.TimeoutExpired:
        raise RuntimeError("%s: no end within %d s" % (" ".join(command), options.timeout))
    if done.returncode not in (0, 3, 4) or not os.path.exists(out):
        raise RuntimeError("%s: exit %d: %s" % (" ".join(command), done.returncode, done.stderr.strip()[-400:]))
    return done


def csv_rows(lines):
    """As csv.DictReader, in half the time: there are a million rows."""
    reader = csv.reader(lines)
    names = next(reader)
    return (dict(zip(names, values)) for values in reader)


def load_rows(path):
    rows = []
    with open(path, newline="", encoding="utf-8") as lines:
        for row in csv_rows(lines):
            begin = int(row["address"], 16)
            size = int(row["size"])
            row["object"] = int(row["object"], 16) if row["object"] else 0
            row["owner"] = int(row["owner"], 16) if row["owner"] else 0
            row["begin"], row["size"] = begin, size
            row["end"] = begin + size - (8 if row["allocator"].startswith("glibc") else 0)
            rows.append(row)
    rows.sort(key=lambda row: row["begin"])
    return rows


def load_ranges(path):
    with open(path, newline="", encoding="utf-8") as lines:
        ranges = [{"begin": int(r["begin"], 16), "end": int(r["end"], 16), "kind": r["kind"]} for r in csv_rows(lines)]
    return sorted(ranges, key=lambda r: r["begin"])


def top(counter, count=6):
    items = sorted(counter.items(), key=lambda item: -item[1])[:count]
    return ", ".join("%s %d" % item for item in items)


def by(items):
    counts = {}
    for item in items:
        counts[item] = counts.get(item, 0) + 1
    return counts


class Reading:
    """What a compare_NAME.py is handed: one reading of one target."""

    def __init__(self, options, entry, truth, memory, target, extra, folder, sized_types):
        self.options, self.entry, self.truth, self.memory = options, entry, truth, memory
        self.target, self.extra, self.folder, self.sized_types = target, extra, folder, sized_types
        self.version = tuple(int(part) for part in re.findall(r"\d+", entry["version"])[:2])
        self.glibc = tuple(int(part) for part in entry["glibc"].split("."))
        self.live = target.isdigit()
        self.outputs = []
        begun = time.time()
        path = self.run(["export", "--format", "csv"], "rows.csv")
        self.seconds = time.time() - begun
        self.rows = load_rows(path)
        self.ranges = load_ranges(self.run(["export", "--ranges", "--format", "csv"], "ranges.csv"))
        self.objects = {row["object"]: row for row in self.rows if row["state"] == "used" and row["object"]}

    def run(self, words, name):
        """Runs a command of coreheap on the target; the path of its output."""
        out = os.path.join(self.folder, name)
        if os.path.exists(out):
            os.unlink(out)
        self.outputs.append(out)
        run_coreheap(self.options, self.target, [*self.extra, words], out)
        return out


def extent(row, glibc):
    """The bytes a row takes: a chunk's size word lies in front of its pointer, and where nothing follows a
    chunk (top; mmapped ones up to glibc 2.42) the 8 bytes that it would borrow from its follower are not there."""
    if not row["allocator"].startswith("glibc") or row["size"] == INT_SLOT:
        return row["begin"], row["begin"] + row["size"]
    last = row["kind"] == "top" or (row["allocator"] == "glibc-mmap" and glibc < (2, 43))
    return row["begin"] - 8, row["begin"] - 8 + row["size"] - (8 if last else 0)
