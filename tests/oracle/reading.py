"""One reading of a target by coreheap: its rows and ranges, and the list of what differs.

Invariant: every compare_NAME.py beside this file is run on every reading, but where an earlier reading showed it just
the same (seen.py); what it finds counts under NAME.
"""

import bisect
import csv
import json
import os
import re
import sys
import time
import traceback

import engines
import seen

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
        self.same = []                                   # what was shown in an earlier reading already

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
        before = reading.seen.before(name, reading)
        if before is not None:
            self.amounts[name], notes = before
            self.notes += notes
            self.same.append(name)
        else:
            self._run(name, compare, reading)
        self.seconds[name] = cpu_seconds() - begun

    def _run(self, name, compare, reading):
        reading.looks, noted, problems = {}, len(self.notes), len(self.problems)
        try:
            compare(self, reading)
        except RuntimeError as error:
            self.problem("compare_%s" % name, [error])
        except Exception:
            self.problem("compare_%s broke" % name, [traceback.format_exc().replace("\n", "\n        ")])
        if len(self.problems) == problems:
            reading.seen.agreed(name, reading.looks.values(), (self.amounts.get(name, 0), self.notes[noted:]))

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


def load_report(path):
    with open(path, encoding="utf-8") as stream:
        return {key: value for key, value in json.load(stream).items() if key not in ("target", "next")}


def top(counter, count=6):
    items = sorted(counter.items(), key=lambda item: -item[1])[:count]
    return ", ".join("%s %d" % item for item in items)


def by(items):
    counts = {}
    for item in items:
        counts[item] = counts.get(item, 0) + 1
    return counts


ROWS = (("export", "--format", "csv"), "rows.csv")
RANGES = (("export", "--ranges", "--format", "csv"), "ranges.csv")


class Reading:
    """What a compare_NAME.py is handed: one reading of one target.

    What differs between readings of a target is reached by methods and properties that note it as seen; everything
    else is the target's.
    """

    def __init__(self, options, entry, truth, memory, counted, target, extra, folder, sized_types, seen_before):
        self.options, self.entry, self.truth, self.memory = options, entry, truth, memory
        self.folder, self.sized_types, self.seen = folder, sized_types, seen_before
        self.version = tuple(int(part) for part in re.findall(r"\d+", entry["version"])[:2])
        self.glibc = tuple(int(part) for part in entry["glibc"].split("."))
        self.outputs, self.looks = [], {}
        self._target, self._extra, self._counted = target, extra, counted
        self._standing, self._digests, self._session = {}, {}, None
        begun = time.time()
        self._digest(*ROWS)
        self.seconds = time.time() - begun
        self._rows = self._parsed(ROWS, load_rows)
        self._objects = self._parsed(ROWS, lambda _: {row["object"]: row for row in self._rows if row["state"] == "used" and row["object"]},
                                     "objects")
        self._ranges = self._parsed(RANGES, load_ranges)
        self._range_begins = [one["begin"] for one in self._ranges]

    def _see(self, key, look):
        """What `look` sees of this reading, noted: the same look may be taken at another one."""
        value = look(self)
        self.looks[key] = (look, value)
        return value

    def _execute(self, words, out):
        """The rows come from the program, as a user runs it; everything else from one session of the library, as GDB has."""
        if words == ROWS[0]:
            engines.run_program(self.options, self._extra, self._target, words, out)
            return
        if self._session is None:
            self._session = engines.Session(self.options, self._extra, self._target)
        self._session.run(words, out)

    def close(self):
        if self._session is not None:
            self._session.close()

    def _digest(self, words, name):
        """Of a command's output, which is made where it does not stand there yet; the path beside it."""
        path = os.path.join(self.folder, name)
        if self._standing.get(name) != words:
            if os.path.exists(path):
                os.unlink(path)
            self._standing.pop(name, None)
            self.outputs.append(path)
            self._execute(words, path)
            self._standing[name] = words
            self._digests[name] = seen.digest(path)
        return self._digests[name]

    def _parsed(self, output, parse, what="parsed"):
        """An output's content, which nobody changes: parsed once for all readings that have just the same."""
        key = (what, output, self._digest(*output))
        if key not in self.seen.parsed:
            self.seen.parsed[key] = parse(os.path.join(self.folder, output[1]))
        return self.seen.parsed[key]

    def _kind_at(self, address):
        at = bisect.bisect_right(self._range_begins, address) - 1
        return self._ranges[at]["kind"] if at >= 0 and address < self._ranges[at]["end"] else ""

    def run(self, words, name):
        """Runs a command of coreheap on the target; the path of its output, good until another has its name."""
        words = tuple(words)
        self._see((words, name), lambda reading: reading._digest(words, name))
        return os.path.join(self.folder, name)

    def pick(self, words, name, part):
        """What the function `part` has of the output of a command: of that alone a comparison depends then."""
        words = tuple(words)

        def look(reading):
            reading._digest(words, name)
            return part(os.path.join(reading.folder, name))
        return self._see((words, name, part), look)

    def report(self, words, name, part=lambda report: report):
        """A command's JSON without the target's name and the commands that it offers next, or what `part` has of it."""
        return self.pick(words, name, lambda path: part(load_report(path)))

    def kind_at(self, address):
        """The kind of the range at an address, "" where none is."""
        return self._see(("kind", address), lambda reading: reading._kind_at(address))

    def range_bytes(self, kind):
        """In all ranges of a kind."""
        return self._see(("bytes", kind), lambda reading: sum(one["end"] - one["begin"] for one in reading._ranges if one["kind"] == kind))

    @property
    def counted(self):
        """Resident bytes of the target's mappings (memory.Counted), before this reading or before the core was made."""
        self._see("counted", lambda reading: vars(reading._counted))
        return self._counted

    def _see_rows(self):
        if "rows" not in self.looks:
            self._see("rows", lambda reading: reading._digest(*ROWS))

    @property
    def rows(self):
        self._see_rows()
        return self._rows

    @property
    def objects(self):
        """Rows in use by the object in them."""
        self._see_rows()
        return self._objects

    @property
    def ranges(self):
        self._see("ranges", lambda reading: reading._digest(*RANGES))
        return self._ranges

    @property
    def live(self):
        return self._see("live", lambda reading: reading._target.isdigit())

    @property
    def moved(self):
        """Whether the interpreter's files are out of reach."""
        return self._see("moved", lambda reading: "/nonexistent" in reading._extra)

    @property
    def by_gcore(self):
        return self._see("by_gcore", lambda reading: os.path.basename(reading._target) == "gcore.core")

    @property
    def arguments(self):
        """Words of a command line up to the target, for those who run coreheap themselves."""
        return self._see("arguments", lambda reading: [*reading._extra, reading._target])


def extent(row, glibc):
    """The bytes a row takes: a chunk's size word lies in front of its pointer, and where nothing follows a
    chunk (top; mmapped ones up to glibc 2.42) the 8 bytes that it would borrow from its follower are not there."""
    if not row["allocator"].startswith("glibc") or row["size"] == INT_SLOT:
        return row["begin"], row["begin"] + row["size"]
    last = row["kind"] == "top" or (row["allocator"] == "glibc-mmap" and glibc < (2, 43))
    return row["begin"] - 8, row["begin"] - 8 + row["size"] - (8 if last else 0)
