#!/usr/bin/env python3
"""Compares coreheap's list of objects with what the process itself says, whole sets, for every interpreter.

One target is started per interpreter; its parent stays parked, so the same heap is read live, then by
gdb's gcore, then by the kernel's core of an abort. README.md has the truth's format.

Invariant: a row is right only when address, type and size all are; an object more than the truth must
have a cause of causes.py; nothing is skipped without a printed reason. Exit 77: skipped whole.
"""

import argparse
import bisect
import csv
import glob
import importlib
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import causes as cause_list  # noqa: E402
import memory as memories    # noqa: E402

SKIPPED = 77
INT_SLOT = 24                 # rows of 2.7's int blocks: no chunk has that size
KINDS = ("live", "gcore", "kernel")
csv.field_size_limit(1 << 30)


class Truth:
    def __init__(self, path):
        self.objects, self.pointers, self.overridden, self.locals = {}, {}, set(), set()
        self.lines = {}
        complete = False
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                tag, _, rest = line.rstrip("\n").partition(" ")
                if tag == "o":
                    address, size, how, name = rest.split(" ", 3)
                    self.objects[int(address, 16)] = (name, int(size), how)
                elif tag == "p":
                    address, usable = rest.split()
                    self.pointers[int(address, 16)] = int(usable)
                elif tag == "s":
                    self.overridden.add(int(rest, 16))
                elif tag == "l":
                    self.locals.add(int(rest, 16))
                elif tag == "m":
                    self.meta = json.loads(rest)
                elif tag == "end":
                    complete = True
                else:                            # of a truth_*.py, for its compare_*.py
                    self.lines.setdefault(tag, []).append(rest)
        if not complete:
            raise RuntimeError("the truth is not whole: " + path)
        self.classes = pool_classes(path + ".stats")


def pool_classes(path):
    """Blocks in use by block size, from the last table that sys._debugmallocstats wrote."""
    text = open(path, errors="replace").read()
    at = text.rfind("class   size   num pools")
    found = {}
    for line in text[at:].splitlines()[2:] if at >= 0 else []:
        words = line.split()
        if len(words) != 5 or not words[0].isdigit():
            break
        found[int(words[1])] = int(words[3])
    return found


class Target:
    """A running target: parent parked in pause(), truth written."""

    def __init__(self, entry, options):
        self.entry = entry
        root = entry["root"]
        self.folder = tempfile.mkdtemp(prefix="oracle-", dir=os.path.join(root, "tmp") if root else options.scratch)
        inside = os.path.join("/", os.path.relpath(self.folder, root)) if root else self.folder
        for path in [os.path.join(HERE, "target.py"), *glob.glob(os.path.join(HERE, "heap*.py")),
                     *glob.glob(os.path.join(HERE, "truth_*.py"))]:
            shutil.copy(path, self.folder)

        def enter():
            resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            if root:
                os.chroot(root)
            os.chdir(inside)

        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/tmp", "TMPDIR": inside}
        command = [entry["exe"], "-s", "-B", inside + "/target.py", inside + "/truth", "scale=%d" % options.scale,
                   "threads=%d" % options.threads, "hold_gil=%d" % options.hold_gil, "twice=%d" % options.selfcheck]
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.process = subprocess.Popen(command, preexec_fn=enter, env=environment, stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, close_fds=True)
        self.pid = self.process.pid
        self.truth_path = os.path.join(self.folder, "truth")
        deadline = time.time() + options.timeout
        while not os.path.exists(self.truth_path):
            if self.process.poll() is not None or time.time() > deadline:
                self.close(keep=True)
                said = "".join(open(os.path.join(self.folder, name), errors="replace").read()[-300:]
                               for name in ("truth.stats", "log") if os.path.exists(os.path.join(self.folder, name)))
                raise RuntimeError("no truth from %s (exit %s); see %s\n%s" % (entry["label"], self.process.poll(), self.folder, said))
            time.sleep(.05)

    def close(self, keep=False):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    def gcore(self):
        path = os.path.join(self.folder, "gcore.core")
        done = subprocess.run(["gdb", "-nx", "-batch", "-p", str(self.pid), "-ex", "gcore " + path],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        if not os.path.exists(path):
            raise Skip("gdb made no core: " + done.stdout.strip()[-200:])
        return path

    def kernel(self):
        pattern = open("/proc/sys/kernel/core_pattern").read().strip()
        if pattern.startswith("|") or "/" in pattern or not pattern:
            raise Skip("core_pattern is %r, not a plain file name" % pattern)
        before = set(os.listdir(self.folder))
        os.kill(self.pid, signal.SIGABRT)
        self.process.wait()
        cores = [name for name in set(os.listdir(self.folder)) - before if "core" in name]
        if len(cores) != 1:
            raise Skip("the kernel wrote no core (%s)" % cores)
        return os.path.join(self.folder, cores[0])


class Skip(Exception):
    pass


class Reading:
    """What a compare_NAME.py is handed: one reading of one target."""

    def __init__(self, **values):
        self.__dict__.update(values)

    def run(self, words, name):
        """Runs a command of coreheap on the target; the path of its output."""
        out = os.path.join(self.folder, name)
        if os.path.exists(out):
            os.unlink(out)
        run_coreheap(self.options, self.target, [*self.extra, words], out)
        return out


def comparisons():
    """The compare() of every compare_NAME.py beside this file, by name."""
    names = sorted(os.path.basename(path)[:-3] for path in glob.glob(os.path.join(HERE, "compare_*.py")))
    return [importlib.import_module(name).compare for name in names]


class Comparison:
    """One reading of the target against the truth: counts and lines of trouble."""

    def __init__(self, title):
        self.title, self.problems, self.notes = title, [], []

    def problem(self, name, items, shown=8):
        items = list(items)
        if items:
            self.problems.append((name, len(items), items[:shown]))

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
    if done.returncode not in (0, 3) or not os.path.exists(out):
        raise RuntimeError("%s: exit %d: %s" % (" ".join(command), done.returncode, done.stderr.strip()[-400:]))
    return done


def load_rows(path):
    rows = []
    with open(path, newline="", encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
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
        ranges = [{"begin": int(r["begin"], 16), "end": int(r["end"], 16), "kind": r["kind"]} for r in csv.DictReader(lines)]
    return sorted(ranges, key=lambda r: r["begin"])


def top(counter, count=6):
    items = sorted(counter.items(), key=lambda item: -item[1])[:count]
    return ", ".join("%s %d" % item for item in items)


def by(items):
    counts = {}
    for item in items:
        counts[item] = counts.get(item, 0) + 1
    return counts


def compare_objects(comparison, truth, rows, ranges, memory, version):
    found = {row["object"]: row for row in rows if row["state"] == "used" and row["object"]}
    missing = [a for a in truth.objects if a not in found]
    wrong = [(a, truth.objects[a][0], found[a]["type"]) for a in truth.objects
             if a in found and found[a]["type"] != truth.objects[a][0]]
    sizes = [(a, truth.objects[a], found[a]["shallow"]) for a in truth.objects
             if a in found and a not in truth.overridden and found[a].get("shallow") not in (None, "")
             and int(found[a]["shallow"]) != truth.objects[a][1]]
    unsized = sum(1 for a in truth.objects if a in found and not found[a].get("shallow"))
    counts = []
    for a in truth.objects:
        row = found.get(a)
        word = memory.word(a)
        if row is None or word is None or not row["refcount"] or row["refcount"] == "immortal":
            continue
        real = word & 0xffffffff if version >= (3, 12) else word
        if real != int(row["refcount"]):
            counts.append("%#x %s: %d, says %s" % (a, row["type"], real, row["refcount"]))
    extras = {a: row for a, row in found.items() if a not in truth.objects}
    causes, unexplained = cause_list.explain(extras, truth.objects, truth.meta["bases"], rows, ranges, memory, version >= (3, 14))
    comparison.note("objects compared %d, missing %d, wrong type %d, wrong size %d (no size given %d), extra explained %d, unexplained %d"
                    % (len(truth.objects), len(missing), len(wrong), len(sizes), unsized, len(causes), len(unexplained)))
    if causes:
        comparison.note("causes: " + top(by(causes.values()), 20))
    # The rare types first: a hundred of one kind is one fault.
    frequency = by(truth.objects[a][0] for a in missing)
    missing.sort(key=lambda a: (frequency[truth.objects[a][0]], a))
    comparison.problem("missing by type: " + top(frequency, 12),
                       ["%#x %s %s; words from -16: %s" % (a, truth.objects[a], where(a, rows, ranges, memory),
                                                           " ".join("%x" % (memory.word(a + 8 * k) or 0) for k in range(-2, 5)))
                        for a in missing])
    comparison.problem("wrong type", ["%#x is %s, says %s" % one for one in wrong])
    comparison.problem("wrong size by type: " + top(by(t[0] for _, t, _ in sizes)),
                       ["%#x %s is %d, says %s" % (a, t[0], t[1], s) for a, t, s in sizes])
    comparison.problem("wrong refcount", counts)
    comparison.problem("unexplained by type: " + top(by(extras[a]["type"] for a in unexplained)),
                       ["%#x %s %s refcount %s: %s" % (a, extras[a]["type"], extras[a]["allocator"], extras[a]["refcount"],
                                                       "; ".join(unexplained[a][:3])) for a in unexplained], 12)


def where(address, rows, ranges, memory):
    import bisect
    i = bisect.bisect_right(rows, address, key=lambda r: r["begin"]) - 1 if sys.version_info >= (3, 10) else -1
    if i >= 0 and address < rows[i]["end"]:
        row = rows[i]
        return "in row %#x %s %s %s %s" % (row["begin"], row["allocator"], row["state"], row["kind"], row["type"])
    for r in ranges:
        if r["begin"] <= address < r["end"]:
            return "in range %s" % r["kind"]
    region = memory.region_of(address)
    return "in no row (%s)" % (region.name if region else "no writable region")


def compare_pymalloc(comparison, truth, rows):
    live = [row for row in rows if row["allocator"] == "pymalloc" and row["state"] in ("used", "cached")]
    if truth.classes:
        sizes = by(row["size"] for row in live)
        wrong = ["%d bytes: %d blocks, says %d" % (size, truth.classes.get(size, 0), sizes.get(size, 0))
                 for size in sorted(set(truth.classes) | set(sizes)) if truth.classes.get(size, 0) != sizes.get(size, 0)]
        comparison.problem("pymalloc blocks in use by size", wrong)
        comparison.note("pymalloc blocks %d in %d sizes" % (len(live), len(sizes)))
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


def extent(row, glibc):
    """The bytes a row takes: a chunk's size word lies in front of its pointer, and where nothing follows a
    chunk (top; mmapped ones up to glibc 2.42) the 8 bytes that it would borrow from its follower are not there."""
    if not row["allocator"].startswith("glibc") or row["size"] == INT_SLOT:
        return row["begin"], row["begin"] + row["size"]
    last = row["kind"] == "top" or (row["allocator"] == "glibc-mmap" and glibc < (2, 43))
    return row["begin"] - 8, row["begin"] - 8 + row["size"] - (8 if last else 0)


def compare_tiling(comparison, rows, ranges, memory, glibc, live):
    """Every byte has one home: rows and ranges do not overlap, and fill each mapping that is shown at all."""
    pieces = sorted([extent(row, glibc) for row in rows] + [(r["begin"], r["end"]) for r in ranges])
    overlaps = ["%#x-%#x and %#x" % (a[0], a[1], b[0]) for a, b in zip(pieces, pieces[1:]) if a[1] > b[0]]
    comparison.problem("bytes with two homes", overlaps)
    begins = [piece[0] for piece in pieces]
    gaps, absent, covered = [], [], 0
    for begin, end, name in memory.mappings:
        size = 0
        i = max(0, bisect.bisect_right(begins, begin) - 1)
        while i < len(pieces) and pieces[i][0] < end:
            size += max(0, min(pieces[i][1], end) - max(pieces[i][0], begin))
            i += 1
        if size == 0:
            absent.append(name)
        elif size != end - begin:
            gaps.append("%#x-%#x %s: %d of %d bytes" % (begin, end, name, size, end - begin))
        covered += size
    comparison.problem("mappings with bytes without a home", gaps)
    # A core holds what the kernel dumps; a live reading has every mapping.
    comparison.problem("mappings that are not shown", [name for name in absent if live and name != "[vsyscall]"])
    comparison.note("every one of %d bytes in %d mappings has one home" % (covered, len(memory.mappings) - len(absent)))


def sizes_of(heap, kind):
    total = heap.find("total[@type='%s']" % kind)
    return (int(total.get("count")), int(total.get("size"))) if total is not None else (0, 0)


def one_reading(options, entry, truth, memory, target, extra, title, folder):
    comparison = Comparison(title)
    try:
        version = tuple(int(part) for part in re.findall(r"\d+", entry["version"])[:2])
        glibc = tuple(int(part) for part in entry["glibc"].split("."))
        out, out_ranges, out_arenas = (os.path.join(folder, name) for name in ("rows.csv", "ranges.csv", "arenas.json"))
        for path in (out, out_ranges, out_arenas):
            if os.path.exists(path):
                os.unlink(path)
        begun = time.time()
        run_coreheap(options, target, [*extra, ["export", "--format", "csv"]], out)
        elapsed = time.time() - begun
        run_coreheap(options, target, [*extra, ["export", "--ranges", "--format", "csv"]], out_ranges)
        rows, ranges = load_rows(out), load_ranges(out_ranges)
        comparison.note("%d rows, %d ranges, export in %.2f s" % (len(rows), len(ranges), elapsed))
        compare_objects(comparison, truth, rows, ranges, memory, version)
        compare_pymalloc(comparison, truth, rows)
        compare_tiling(comparison, rows, ranges, memory, glibc, target.isdigit())
        arenas = None
        try:
            run_coreheap(options, target, [*extra, ["arenas", "--format", "json"]], out_arenas)
            arenas = arenas_of(json.load(open(out_arenas)))
        except RuntimeError as error:
            comparison.problem("arenas", [error])
        compare_glibc(comparison, truth, rows, arenas, glibc)
        reading = Reading(options=options, entry=entry, version=version, glibc=glibc, truth=truth, memory=memory, rows=rows,
                          ranges=ranges, target=target, extra=extra, folder=folder, live=target.isdigit())
        for compare in comparisons():
            compare(comparison, reading)
        if options.keep:
            for path in (out, out_ranges, out_arenas):
                shutil.copy(path, os.path.join(options.keep, title.replace(" ", "-").replace("/", "-") + "-" + os.path.basename(path)))
    except Skip:
        raise
    except RuntimeError as error:
        comparison.problem("coreheap", [error])
    comparison.report()
    return comparison


def arenas_of(report):
    """The arenas' table of a JSON report, whether it is the report itself or one of its sections."""
    candidates = [report] + list(report.get("sections", []))
    for one in candidates:
        rows = one.get("rows")
        if rows and "system_bytes" in rows[0]:
            return {"rows": rows, "totals": one.get("totals") or report.get("totals") or {}}
    raise RuntimeError("no arenas in the JSON of `arenas`: keys %s" % sorted(report))


def selfcheck(target, before):
    """The oracle's own check: two children of the same heap agree, and the parent did not change."""
    comparison = Comparison(target.entry["label"] + " self-check")
    lines = [set(line for line in open(path, encoding="utf-8") if not line.startswith("m "))
             for path in (target.truth_path + ".first", target.truth_path)]
    only_first, only_second = sorted(lines[0] - lines[1]), sorted(lines[1] - lines[0])
    # The first child's PID is an int that only the second one's heap has.
    if len(only_second) == 1 and only_second[0].split(" ", 4)[-1].strip() == "int":
        only_second = []
    comparison.problem("only in the first truth", only_first)
    comparison.problem("only in the second truth", only_second)
    changed = before.differences(memories.Memory(target.pid))
    comparison.problem("pages of the parent that changed", ["%#x %s" % one for one in changed])
    comparison.note("%d lines agree; %d regions unchanged" % (len(lines[0] & lines[1]), len(before.regions)))
    comparison.report()
    return comparison


def run_interpreter(options, entry):
    """Returns (comparisons, skips) of one interpreter."""
    results, skips = [], []
    label = entry["label"]
    print("%s: CPython %s, glibc %s, %s%s" % (label, entry["version"], entry["glibc"], entry["root"], entry["exe"]))
    target = Target(entry, options)
    keep = False
    try:
        truth = Truth(target.truth_path)
        for feature, reason in truth.meta["skipped"].items():
            print("    without %s: %s" % (feature, reason))
        memory = memories.Memory(target.pid)
        if options.selfcheck:
            results.append(selfcheck(target, memory))
        if not options.coreheap:
            skips.append("no coreheap program to test")
            return results, skips
        for kind in options.kind:
            try:
                where_ = str(target.pid) if kind == "live" else getattr(target, kind)()
                root = ["--sysroot", entry["root"]] if entry["root"] and kind != "live" else []
                variants = [("", root)]
                if not entry["stripped"]:
                    variants.append((" without symbols", [*root, "--no-symbols"]))
                if options.moved and kind != "live":
                    variants.append((" moved", ["--sysroot", "/nonexistent"]))
                for name, extra in variants:
                    results.append(one_reading(options, entry, truth, memory, where_, extra, "%s %s%s" % (label, kind, name), target.folder))
                if kind != "live" and not options.keep_cores:
                    os.unlink(where_)
            except Skip as skip:
                print("%s %s: skipped: %s" % (label, kind, skip))
                skips.append("%s %s: %s" % (label, kind, skip))
        keep = options.keep_cores
        if keep:
            print("    kept " + target.folder)
    finally:
        target.close(keep)
    return results, skips


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    build = os.path.normpath(os.path.join(HERE, "../../build"))
    parser.add_argument("--coreheap", default="", help="the program; none = only what needs none (--selfcheck)")
    parser.add_argument("--build", default=build, help="the folder that tests/interpreters/fetch filled")
    parser.add_argument("--label", action="append", help="only these interpreters")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only these readings (default: all)")
    parser.add_argument("--scale", type=int, default=20000, help="size of the heap (20000: about 240,000 objects)")
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--hold-gil", type=int, default=0, help="1: the parked thread keeps the GIL")
    parser.add_argument("--moved", action="store_true", help="also each core with the interpreter's files out of reach")
    parser.add_argument("--selfcheck", action="store_true", help="check the oracle itself: two truths, unchanged parent")
    parser.add_argument("--scratch", default=None, help="where targets without a chroot run (default: a temporary folder)")
    parser.add_argument("--keep", help="folder to copy coreheap's output to")
    parser.add_argument("--keep-cores", action="store_true", help="leave target folders with cores and truth behind")
    parser.add_argument("--timeout", type=int, default=300)
    options = parser.parse_args()
    options.kind = options.kind or list(KINDS)
    options.kind.sort(key=KINDS.index)          # the kernel's core ends the target
    scratch = tempfile.mkdtemp(prefix="oracle-scratch-") if options.scratch is None else None
    options.scratch = options.scratch or scratch
    if options.keep:
        os.makedirs(options.keep, exist_ok=True)

    manifest = os.path.join(options.build, "interpreters", "manifest.json")
    if not os.path.exists(manifest):
        print("skipped: no %s; run tests/interpreters/fetch" % manifest)
        return SKIPPED
    entries = {row["label"]: row for row in json.load(open(manifest)) if row.get("kind") != "gdb"}
    failed = compared = 0
    try:
        for label in options.label or sorted(entries):
            entry = entries.get(label)
            if entry is None or entry.get("skipped"):
                print("%s: skipped: %s" % (label, entry["reason"] if entry else "not at hand"))
                continue
            if entry["root"] and os.geteuid() != 0:
                print("%s: skipped: chroot needs root" % label)
                continue
            try:
                results, _ = run_interpreter(options, entry)
            except RuntimeError as error:
                print("%s: FAILED: %s" % (label, error))
                failed += 1
                continue
            compared += len(results)
            failed += sum(1 for result in results if result.problems)
    finally:
        if scratch and not options.keep_cores:
            shutil.rmtree(scratch, ignore_errors=True)
    print("%d readings compared, %d failed" % (compared, failed))
    if failed:
        return 1
    return 0 if compared else SKIPPED


if __name__ == "__main__":
    sys.exit(main())
