"""pymalloc's blocks against its own statistics; malloc's chunks against malloc_usable_size, mallinfo, malloc_info."""

import xml.etree.ElementTree

from reading import by


def compare(comparison, reading):
    compare_pymalloc(comparison, reading.truth, reading.rows)
    arenas = None
    try:
        arenas = arenas_of(reading.report(["arenas", "--format", "json"], "arenas.json"))
    except RuntimeError as error:
        comparison.problem("arenas", [error])
    compare_glibc(comparison, reading.truth, reading.rows, arenas, reading.glibc)


def compare_pymalloc(comparison, truth, rows):
    live = [row for row in rows if row["allocator"] == "pymalloc" and row["state"] in ("used", "cached")]
    comparison.compared(len(live))
    if truth.classes:
        sizes = by(row["size"] for row in live)
        wrong = ["%d bytes: %d blocks, says %d" % (size, truth.classes.get(size, 0), sizes.get(size, 0))
                 for size in sorted(set(truth.classes) | set(sizes)) if truth.classes.get(size, 0) != sizes.get(size, 0)]
        comparison.problem("pymalloc blocks in use by size", wrong)
        comparison.note("pymalloc blocks %d in %d sizes" % (len(live), len(sizes)))
    else:
        comparison.note("pymalloc's table not compared: this interpreter, or its PYTHONMALLOC, has none")
    if truth.meta["blocks"] is not None:
        in_pools = sum(truth.classes.values())
        comparison.note("sys.getallocatedblocks() %d = %d in pools + %d bigger ones" %
                        (truth.meta["blocks"], in_pools, truth.meta["blocks"] - in_pools))
        if len(live) > truth.meta["blocks"]:
            comparison.problem("more pymalloc blocks than sys.getallocatedblocks()", [len(live)])


def compare_glibc(comparison, truth, rows, arenas, glibc):
    used = {row["begin"]: row for row in rows if row["allocator"].startswith("glibc") and row["state"] == "used"}
    wrong = []
    for pointer, usable in truth.pointers.items():
        row = used.get(pointer)
        if row is None:
            wrong.append("%#x (%d usable) is no used glibc row" % (pointer, usable))
        else:
            taken = row["size"] - (16 if row["allocator"] == "glibc-mmap" and glibc < (2, 43) else 8)
            if taken != usable:
                wrong.append("%#x %s: usable %d, says %d" % (pointer, row["allocator"], usable, taken))
    comparison.compared(len(truth.pointers))
    comparison.note("pointers from malloc %d" % len(truth.pointers))
    comparison.problem("pointers that the program got from malloc", wrong)
    if arenas is None:
        return
    rows_of = arenas["rows"]
    totals = arenas.get("totals") or {}
    info = xml.etree.ElementTree.fromstring(truth.meta["malloc_info"])
    said = []
    for heap in info.findall("heap"):
        figures = {"system_bytes": int(heap.find("system[@type='current']").get("size")),
                   "max_system_bytes": int(heap.find("system[@type='max']").get("size")),
                   "fast": sizes_of(heap, "fast"), "rest": sizes_of(heap, "rest")}
        said.append(figures)
    ours = []
    for a in rows_of:
        top_chunk = 1 if glibc >= (2, 31) else 0
        ours.append({"system_bytes": a["system_bytes"], "max_system_bytes": a["max_system_bytes"],
                     "fast": (a.get("fast_count", 0), a.get("fast_bytes", 0)),
                     "rest": (a["bins_count"] + top_chunk, a["bins_bytes"] + a["bins_count"] + (a["top_bytes"] if top_chunk else 0))})
    key = lambda f: sorted((k, str(v)) for k, v in f.items())  # noqa: E731
    comparison.problem("arenas of malloc_info (%d) and ours (%d)" % (len(said), len(ours)),
                       ["malloc_info %s, ours %s" % pair for pair in zip(sorted(said, key=key), sorted(ours, key=key)) if pair[0] != pair[1]]
                       + (["counts differ"] if len(said) != len(ours) else []))
    mallinfo = truth.meta["mallinfo"]
    sums = {"arena": sum(a["system_bytes"] for a in rows_of),
            "fordblks": sum(a["bins_bytes"] + a.get("fast_bytes", 0) + a["top_bytes"] for a in rows_of),
            "ordblks": sum(a["bins_count"] + 1 for a in rows_of),
            "smblks": sum(a.get("fast_count", 0) for a in rows_of), "fsmblks": sum(a.get("fast_bytes", 0) for a in rows_of)}
    sums["uordblks"] = sums["arena"] - sums["fordblks"]
    mapped = [row for row in used.values() if row["allocator"] == "glibc-mmap"]
    sums["hblks"] = totals.get("mmapped_count", len(mapped))
    if "mmapped_bytes" in totals and glibc < (2, 43):
        sums["hblkhd"] = totals["mmapped_bytes"]
    comparison.problem("mallinfo", ["%s: %d, ours %d" % (name, mallinfo[name], ours_) for name, ours_ in sums.items()
                                    if mallinfo[name] != ours_])
    comparison.note("mallinfo's %d figures and malloc_info's %d arenas compared" % (len(sums), len(said)))


def sizes_of(heap, kind):
    total = heap.find("total[@type='%s']" % kind)
    return (int(total.get("count")), int(total.get("size"))) if total is not None else (0, 0)


def arenas_of(report):
    """The arenas' table of a JSON report, whether it is the report itself or one of its sections."""
    candidates = [report] + list(report.get("sections", []))
    for one in candidates:
        rows = one.get("rows")
        if rows and "system_bytes" in rows[0]:
            return {"rows": rows, "totals": one.get("totals") or report.get("totals") or {}}
    raise RuntimeError("no arenas in the JSON of `arenas`: keys %s" % sorted(report))
