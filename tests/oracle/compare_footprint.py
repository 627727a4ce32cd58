"""Buffers: whose they are, that they add up, and that they are as large as their owners say they asked for.

Invariant: a buffer has one owner, and that is a live object; the sums of `types` are those of the rows, and the
waterfall's lines are the same rows; a block has room for what was asked and no more than its allocator rounds to.
"""

import collections

from reading import csv_rows, extent

# Rows of the interpreter that are no object's.
OWNERLESS = {"runtime state", "obmalloc state", "data stack chunk", "free list", "zombie frame", "dead object", "int block"}

# What __sizeof__ of a type counts beside the object: kinds of its rows; does it realloc; may it own uncounted ones.
COUNTED = {
    "list": ({"list items"}, True, False),
    "bytearray": ({"bytearray bytes"}, True, False),
    "set": ({"set table"}, False, False),
    "frozenset": ({"set table"}, False, False),
    "dict": ({"dict keys", "dict table"}, False, False),
    "collections.OrderedDict": ({"dict keys", "odict nodes"}, True, False),
    "collections.deque": ({"deque block"}, False, True),      # it keeps freed blocks for its own next ones
    "array.array": ({"array items"}, True, False),
    "io.Buffered": ({"io buffer"}, False, False),
    "Struct": ({"format codes"}, False, False),
    "decimal.Decimal": ({"decimal digits"}, True, False),
    "itertools": ({"iterator state"}, True, False),
    "xml.etree.ElementTree.Element": ({"element children"}, True, False),
}


def room(row, glibc):
    """(the least a caller can have asked for, the most) to get this block from its allocator."""
    if row["allocator"] == "pymalloc":
        return row["size"] - 15, row["size"]
    most = row["size"] - (16 if row["allocator"] == "glibc-mmap" and glibc < (2, 43) else 8)
    if row["allocator"] == "glibc-mmap":
        return most - 4095, most
    # A rest too small for a chunk of its own stays with the block.
    return (0 if most <= 40 else most - 31), most


def guard(reading, row):
    """Bytes of a block that debug hooks keep for themselves: size, letter and guard in front, guard behind, up to 3.7
    a serial number. What is too big for hooked pymalloc goes on to the raw allocator, which is hooked again."""
    if "debug" not in reading.options.malloc:
        return 0
    one = 24 if reading.version >= (3, 8) else 32
    through_pymalloc = reading.options.malloc != "malloc_debug" and reading.version >= (3, 7)
    return 2 * one if through_pymalloc and row["allocator"].startswith("glibc") else one


def compare(comparison, reading):
    rows, objects, glibc = reading.rows, reading.objects, reading.glibc
    owned = collections.defaultdict(list)
    for row in rows:
        if row["owner"]:
            owned[row["owner"]].append(row)
    buffers = [row for group in owned.values() for row in group]
    comparison.compared(len(buffers))
    comparison.problem("owners that are no live object", sorted({"%#x of %#x %s" % (row["owner"], row["begin"], row["kind"])
                                                                 for row in buffers if row["owner"] not in objects}))
    comparison.problem("buffers that are not in use, or objects themselves",
                       ["%#x %s %s" % (row["begin"], row["state"], row["kind"]) for row in buffers
                        if row["state"] != "used" or row["object"] and objects.get(row["object"]) is row])
    lonely = collections.Counter(row["kind"] for row in rows if row["domain"] == "cpython" and not row["owner"]
                                 and row["state"] == "used" and row["kind"] not in OWNERLESS)
    comparison.problem("buffers without an owner", ["%s: %d" % one for one in lonely.most_common()])
    compare_types(comparison, reading, owned)
    compare_waterfall(comparison, reading)
    compare_requests(comparison, reading, owned, glibc)


def live(row):
    return row["object"] and row["state"] == "used" and row["domain"] == "python" and row["allocator"] != "static"


def compare_types(comparison, reading, owned):
    """`types` against the rows: objects, own, buffers, shallow, type by type."""
    sums = collections.defaultdict(lambda: [0, 0, 0, 0])
    for row in reading.rows:
        if live(row):
            for i, amount in enumerate((1, int(row["shallow"] or 0), row["size"])):
                sums[row["type"]][i] += amount
    for owner, group in owned.items():
        row = reading.objects.get(owner)
        if row is not None:
            sums[row["type"]][3] += sum(one["size"] for one in group if one["state"] == "used")
    sums = {name: tuple(amounts) for name, amounts in sums.items()}
    with open(reading.run(["types", "--format", "csv"], "types.csv"), newline="", encoding="utf-8") as lines:
        said = {row["type"]: tuple(int(row[name]) for name in ("objects", "shallow", "own", "buffers")) for row in csv_rows(lines)}
    wrong = sorted(name for name in set(said) | set(sums) if said.get(name) != sums.get(name))
    comparison.note("types %d: objects, shallow, own and buffers are the sums of the rows" % len(said))
    comparison.problem("types (objects, shallow, own, buffers) that are not the sum of their rows",
                       ["%s: rows %s, types %s" % (name, sums.get(name), said.get(name)) for name in wrong])


def compare_waterfall(comparison, reading):
    """py.objects and py.buffers are the extents of just these rows."""
    sums = {"py.objects": 0, "py.buffers": 0}
    said = reading.report(["heap", "--format", "json"], "heap.json",
                          lambda report: {row["code"]: row["mapped"] for row in report["rows"] if row["code"] in ("py.objects", "py.buffers")})
    for row in reading.rows:
        if row["state"] != "used" or row["allocator"] in ("static", "other"):
            continue
        begin, end = extent(row, reading.glibc)
        if row["domain"] == "python":
            sums["py.objects"] += end - begin
        elif row["kind"] not in ("obmalloc state", "tcache struct") and (row["domain"] == "cpython" or
                                                                         row["owner"] and row["domain"] != "damaged"):
            sums["py.buffers"] += end - begin
    sums["py.buffers"] += reading.range_bytes("data stack")
    comparison.problem("lines of the waterfall that are not the sum of their rows",
                       ["%s: rows %d, says %d" % (code, amount, said[code]) for code, amount in sums.items() if said[code] != amount])


def compare_requests(comparison, reading, owned, glibc):
    wrong, checked, without = collections.defaultdict(list), collections.Counter(), 0
    for line in reading.truth.lines.get("b", ()):
        address, asked, name = line.split(" ", 2)
        address, asked = int(address, 16), int(asked)
        kinds, reallocs, keeps_more = COUNTED[name]
        group = owned.get(address, ())
        counted = [row for row in group if row["kind"] in kinds]
        if name in ("dict", "collections.OrderedDict") and (not counted or any(row["kind"] == "dict values" for row in group)):
            without += 1                          # shares its keys, or has none: its values may lie in an instance
            continue
        checked[name] += 1
        bounds = [room(row, glibc) for row in counted]
        if reallocs:                              # a pymalloc block stays when three quarters of it are still in use
            bounds = [(min(least, most * 3 // 4), most) for least, most in bounds]
        guards = sum(guard(reading, row) for row in counted)
        least, most = sum(b[0] for b in bounds) - guards, sum(b[1] for b in bounds) - guards
        if asked > most or asked < least and not keeps_more:
            wrong[name].append("%#x %s asked for %d, has %s" % (address, name, asked,
                                                               ", ".join("%#x %s %d" % (r["begin"], r["kind"], r["size"]) for r in counted[:4])))
    comparison.compared(sum(checked.values()))
    comparison.note("requests that fit their blocks: %s; dicts without a table of their own %d" %
                    (", ".join("%s %d" % one for one in checked.most_common()), without))
    for name, items in sorted(wrong.items()):
        comparison.problem("buffers of %s that are not what it asked for" % name, items)
