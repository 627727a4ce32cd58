"""Writes docs/support.md from what the oracle compared, or checks that the page is whole.

    support.py RECORDS        RECORDS: the folder of JSON files that tests/oracle/driver.py --record wrote
    support.py --check        the page names every interpreter of the oracle, and its tables are well-formed

`scripts/test --record` runs the oracle and then this. Nothing is merged from older records: the page says
what one run compared, and an interpreter without a record is listed as not compared.
"""

import collections
import glob
import json
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "support.md"
HEAD = """# Support

What this version was compared with: real interpreters, each with a heap of about 390,000 objects. Made by
`scripts/test --record` from the oracle's own results ([tests/oracle](../tests/oracle/README.md) says what
must agree); a test checks that every interpreter of the oracle is listed.

A cell says how many single things were compared, and how many of them differ where any do. `live` is the
running process; `cores` are gdb's and the kernel's, read with symbols and, where the interpreter has them,
without. Below stand smaller heaps under other allocators, with allocations traced, and with extensions of
Debian's packages. Free-threaded and debug builds, and other machines than x86-64, have not been compared.
"""
MEANING = {
    "objects": "the set of objects, their types, their reference counts",
    "sizes": "`sys.getsizeof` of every object",
    "footprint": "every buffer's owner, sums by type, requests against blocks",
    "edges": "`gc.get_referents` of every object",
    "dead": "what is freed, on a free list or stale: never a live object",
    "values": "`ascii()` of values",
    "gc": "what the `gc` module says",
    "threads": "frames, lines, functions, locals",
    "tracemalloc": "`tracemalloc.take_snapshot()`",
    "allocators": "pymalloc's statistics, `malloc_info`, `mallinfo`, usable sizes",
    "closure": "objects found by references alone, against the blocks that were walked",
    "graph": "garbage against a collection, counts against what refers to each object",
    "verify": "damage that `verify` reports of sound heaps: none",
    "rss": "pages and causes, against `smaps`",
    "tiling": "bytes of the address space with exactly one home",
}
READINGS = {"live": "live", "gcore": "cores", "kernel": "cores"}
WHOLE = ("", "without symbols", "moved")      # variants of the heap that every interpreter has


def labels():
    text = (ROOT / "tests" / "oracle" / "CMakeLists.txt").read_text()
    return re.search(r"set\(oracle_labels\s+([^)]*)\)", text).group(1).split()


def load(folder):
    """(label, reading, what is special about the heap) -> records of it."""
    found = collections.defaultdict(list)
    for path in sorted(glob.glob(os.path.join(folder, "*.json"))):
        with open(path) as text:
            one = json.load(text)
        special = "" if one["variant"] in WHOLE else one["variant"]
        found[one["label"], READINGS[one["kind"]], special].append(one)
    return found


def cell(records, name):
    if not any(name in one["differences"] for one in records):
        return "-"
    amount = max(one["compared"].get(name, 0) for one in records)
    differences = sum(one["differences"].get(name, 0) for one in records)
    of = " of {:,}".format(amount) if amount else ""
    return "**{:,}**{}".format(differences, of) if differences else of[4:] or "-"


def page(found):
    names = {name for records in found.values() for one in records for name in one["differences"]} - {"coreheap"}
    columns = [name for name in MEANING if name in names] + sorted(names - set(MEANING))
    text = HEAD + "\n| column | what is compared |\n|---|---|\n"
    text += "".join("| {} | {} |\n".format(name, MEANING.get(name, "tests/oracle/compare_%s.py" % name)) for name in columns)
    text += "\n| interpreter | CPython | glibc | reading | " + " | ".join(columns) + " |\n"
    text += "|---|---|---|---|" + "---:|" * len(columns) + "\n"
    for label in labels():
        readings = [reading for reading in ("live", "cores") if (label, reading, "") in found]
        if not readings:
            text += "| {} | - | - | not compared |{}\n".format(label, " - |" * len(columns))
        for reading in readings:
            records = found[label, reading, ""]
            text += "| {} | {} | {} | {} x {} | {} |\n".format(
                label, records[0]["version"], records[0]["glibc"], len(records), reading,
                " | ".join(cell(records, name) for name in columns))
    text += "\n| heap | CPython | glibc | special | reading | " + " | ".join(columns) + " |\n"
    text += "|---|---|---|---|---|" + "---:|" * len(columns) + "\n"
    for (label, reading, special), records in sorted(found.items(), key=lambda one: (one[0][2], one[0][0], one[0][1] != "live")):
        if special:
            text += "| {} | {} | {} | {} | {} x {} | {} |\n".format(
                label, records[0]["version"], records[0]["glibc"], special, len(records), reading,
                " | ".join(cell(records, name) for name in columns))
    failed = sum(one["failed"] for records in found.values() for one in records)
    total = sum(len(records) for records in found.values())
    return text + "\n{} readings, {} of them without any difference.\n".format(total, total - failed)


def check(text):
    wrong = []
    rows = [[part.strip() for part in line.strip().strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    heads = [i for i, row in enumerate(rows) if row[0] in ("interpreter", "heap")]
    tables = {rows[i][0]: rows[i:end] for i, end in zip(heads, heads[1:] + [len(rows)])}
    if "interpreter" not in tables:
        return ["no table of interpreters"]
    table = tables["interpreter"]
    wrong += ["a row of %d cells, not %d: %s" % (len(row), len(special[0]), row[0])
              for special in [tables.get("heap", [])] for row in special if len(row) != len(special[0])]
    wrong += ["a row of %d cells, not %d: %s" % (len(row), len(table[0]), row[0]) for row in table if len(row) != len(table[0])]
    listed = {row[0] for row in table[2:]}
    wrong += ["%s is an interpreter of the oracle and not listed" % label for label in labels() if label not in listed]
    wrong += ["%s is listed and no interpreter of the oracle" % label for label in sorted(listed - set(labels()))]
    wrong += ["comparison '%s' has no meaning" % name for name in table[0][4:] if name not in {row[0] for row in rows}]
    return wrong


def main():
    if sys.argv[1:] == ["--check"]:
        wrong = check(PAGE.read_text())
        print("\n".join(wrong) or "docs/support.md names %d interpreters" % len(labels()))
        return 1 if wrong else 0
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    found = load(sys.argv[1])
    if not found:
        sys.exit("support.py: no records in " + sys.argv[1])
    PAGE.write_text(page(found))
    print("docs/support.md: written from %d readings" % sum(map(len, found.values())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
