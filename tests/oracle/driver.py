#!/usr/bin/env python3
"""Compares what coreheap says of a process with what the process itself says, whole sets, for every interpreter.

One target is started per interpreter; its parent stays parked, so the same heap is read live, then by
gdb's gcore, then by the kernel's core of an abort. README.md has the truth's format; every compare_NAME.py
is one comparison.

Invariant: nothing is skipped without a printed reason. Exit 77: skipped whole.
"""

import argparse
import gc
import glob
import importlib
import json
import os
import shutil
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import memory as memories                                  # noqa: E402
from reading import Comparison, Reading                    # noqa: E402
from targets import Skip, Target, Truth                    # noqa: E402

SKIPPED = 77
KINDS = ("live", "gcore", "kernel")


def comparisons(wanted):
    """(name, compare) of every compare_NAME.py beside this file, by name."""
    names = sorted(os.path.basename(path)[len("compare_"):-3] for path in glob.glob(os.path.join(HERE, "compare_*.py")))
    return [(name, importlib.import_module("compare_" + name).compare) for name in names if not wanted or name in wanted]


def one_reading(options, truth, memory, counted, target, where, kind, variant, extra):
    entry = target.entry
    title = " ".join(word for word in (entry["label"], kind, variant) if word)
    comparison = Comparison(title)
    begun, reading = time.time(), None
    try:
        reading = Reading(options, entry, truth, memory, counted, where, extra, target.folder, target.sized_types, target.seen)
        comparison.note("%d rows, %d ranges, export in %.2f s" % (len(reading.rows), len(reading.ranges), reading.seconds))
        for name, compare in comparisons(options.compare):
            comparison.run(name, compare, reading)
        if options.keep:
            for path in reading.outputs:
                shutil.copy(path, os.path.join(options.keep, title.replace(" ", "-").replace("/", "-") + "-" + os.path.basename(path)))
    except RuntimeError as error:
        comparison.problem("coreheap", [error])
    finally:
        if reading:
            reading.close()
    comparison.note("%.1f s: %s" % (time.time() - begun, ", ".join("%s %.1f" % one for one in sorted(comparison.seconds.items()))))
    if comparison.same:
        comparison.note("shown byte for byte as in a reading before, and so compared: " + ", ".join(comparison.same))
    comparison.report()
    if options.record:
        record(options, entry, kind, variant, comparison)
    return comparison


def record(options, entry, kind, variant, comparison):
    """One JSON file a reading: what scripts/test --record makes docs/support.md from."""
    if options.preload:
        variant = os.path.basename(options.preload).split(".")[0] + (" " + variant if variant else "")
    if options.extensions:
        variant = "extensions" + (" " + variant if variant else "")
    if options.malloc and not options.preload:
        variant = "PYTHONMALLOC=" + options.malloc + (" " + variant if variant else "")
    if options.tracemalloc:                    # a target of its own
        variant = "tracemalloc %d" % options.tracemalloc
    os.makedirs(options.record, exist_ok=True)
    name = "-".join(word for word in (entry["label"], kind, variant) if word).replace(" ", "-")
    with open(os.path.join(options.record, name + ".json"), "w") as out:
        json.dump({"label": entry["label"], "version": entry["version"], "glibc": entry["glibc"], "kind": kind, "variant": variant,
                   "stripped": entry["stripped"], "compared": comparison.amounts, "differences": comparison.differences,
                   "failed": bool(comparison.problems)}, out, indent=1, sort_keys=True)


def selfcheck(target, before):
    """The oracle's own check: two children of the same heap agree, and the parent did not change."""
    comparison = Comparison(target.entry["label"] + " self-check")
    # The forking thread stands in another line of main() for each child.
    lines = [set(line for line in open(path, encoding="utf-8")
                 if not line.startswith("m ") and not (line.startswith("t ") and '[["main", ' in line))
             for path in (target.truth_path + ".first", target.truth_path)]
    only_first, only_second = sorted(lines[0] - lines[1]), sorted(lines[1] - lines[0])
    comparison.problem("only in the first truth", only_first)
    comparison.problem("only in the second truth", only_second)
    changed = before.differences(memories.Memory(target.pid))
    comparison.problem("pages of the parent that changed", ["%#x %s" % one for one in changed])
    comparison.note("%d lines agree; %d regions unchanged" % (len(lines[0] & lines[1]), len(before.regions)))
    comparison.report()
    return comparison


def left_as_it_was(label, before, after):
    """Reading a live target brings no page of it in, and takes none away. (Clean pages of files come and go by themselves.)"""
    comparison = Comparison(label + " afterwards")
    comparison.problem("anonymous mappings whose Rss a live reading changed",
                       ["%#x: %s, was %s" % (begin, after.anonymous.get(begin), before.anonymous.get(begin))
                        for begin in sorted(before.anonymous.keys() | after.anonymous.keys())
                        if before.anonymous.get(begin) != after.anonymous.get(begin)])
    comparison.note("%d anonymous mappings have the Rss they had" % len(before.anonymous))
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
                counted = memories.Counted(target.pid)
                where_ = str(target.pid) if kind == "live" else getattr(target, kind)()
                root = ["--sysroot", entry["root"]] if entry["root"] and kind != "live" else []
                variants = [("", root)]
                if not entry["stripped"]:
                    variants.append(("without symbols", [*root, "--no-symbols"]))
                    if options.brief:
                        variants = variants[:1] if kind == "live" else variants[1:]
                if options.moved and kind == "kernel":       # gcore's have the files' pages
                    variants.append(("moved", ["--sysroot", "/nonexistent"]))
                if options.newest_table:
                    variants = [("newest table %s" % options.newest_table, [*root, "--newest-table", options.newest_table])]
                for variant, extra in variants:
                    results.append(one_reading(options, truth, memory, counted, target, where_, kind, variant, extra))
                if kind == "live":
                    results.append(left_as_it_was(label, counted, memories.Counted(target.pid)))
                elif not options.keep_cores:
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
    gc.disable()                      # millions of dicts that live to the end: collections find nothing, slowly
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    build = os.path.normpath(os.path.join(HERE, "../../build"))
    parser.add_argument("--coreheap", default="", help="the program; none = only what needs none (--selfcheck)")
    parser.add_argument("--build", default=build, help="the folder that tests/interpreters/fetch filled")
    parser.add_argument("--label", action="append", help="only these interpreters")
    parser.add_argument("--kind", action="append", choices=KINDS, help="only these readings (default: all)")
    parser.add_argument("--scale", type=int, default=20000, help="size of the heap (20000: about 390,000 objects)")
    parser.add_argument("--threads", type=int, default=9)
    parser.add_argument("--malloc", default="", choices=("debug", "malloc", "malloc_debug", "mimalloc", "pymalloc_debug"),
                        help="PYTHONMALLOC of the targets (3.6 on)")
    parser.add_argument("--preload", default="", metavar="LIBRARY",
                        help="LD_PRELOAD of the targets: another allocator; set, types, sizes and references are compared")
    parser.add_argument("--hold-gil", type=int, default=0, help="1: the parked thread keeps the GIL")
    parser.add_argument("--tracemalloc", type=int, default=0, metavar="FRAMES",
                        help="the target traces its allocations, in other domains too where odd; only that is compared")
    parser.add_argument("--extensions", action="store_true",
                        help="the roots with packages that have C extensions, and objects of those in the heap")
    parser.add_argument("--newest-table", default="", metavar="VERSION",
                        help="read as if no newer CPython were known: what best effort gives")
    parser.add_argument("--moved", action="store_true", help="also each core with the interpreter's files out of reach")
    parser.add_argument("--brief", action="store_true",
                        help="symbols are used live, not with cores: one reading each; a smaller heap. " +
                             "Ignored where COREHEAP_ORACLE_WHOLE is set")
    parser.add_argument("--selfcheck", action="store_true", help="check the oracle itself: two truths, unchanged parent")
    parser.add_argument("--scratch", default=None, help="where targets without a chroot run (default: a temporary folder)")
    parser.add_argument("--compare", action="append", metavar="NAME", help="only these comparisons (compare_NAME.py)")
    parser.add_argument("--record", metavar="DIR", help="write what was compared there, a JSON file a reading")
    parser.add_argument("--keep", help="folder to copy coreheap's output to")
    parser.add_argument("--keep-cores", action="store_true", help="leave target folders with cores and truth behind")
    parser.add_argument("--timeout", type=int, default=300)
    options = parser.parse_args()
    options.kind = options.kind or list(KINDS)
    whole = os.environ.get("COREHEAP_ORACLE_WHOLE")
    if whole and "kernel" in options.kind:      # every interpreter by every reading
        options.kind = list(KINDS)
    options.kind.sort(key=KINDS.index)          # the kernel's core ends the target
    options.brief = options.brief and not whole
    if options.brief:
        options.scale = min(options.scale, 2500)
    if options.tracemalloc:                     # its other figures are no longer those of the parent
        options.compare = options.compare or ["tracemalloc"]
    if options.newest_table:                    # what is not of this Python's objects stays exact
        options.compare = options.compare or ["allocators", "rss", "tiling"]
    if options.extensions:                      # README.md says what the others would find, and why
        options.compare = options.compare or ["objects", "sizes", "footprint", "dead", "threads", "allocators", "rss", "tiling", "verify"]
    if options.preload or options.malloc == "mimalloc":    # what the others say is of glibc's and pymalloc's blocks
        options.compare = options.compare or ["objects", "sizes", "edges", "values", "threads", "tiling"]
        if options.preload and not os.path.exists(options.preload):
            print("skipped: no " + options.preload)
            return SKIPPED
    scratch = tempfile.mkdtemp(prefix="oracle-scratch-") if options.scratch is None else None
    options.scratch = options.scratch or scratch
    if options.keep:
        os.makedirs(options.keep, exist_ok=True)

    manifest = os.path.join(options.build, "interpreters", "manifest.json")
    if not os.path.exists(manifest):
        print("skipped: no %s; run tests/interpreters/fetch" % manifest)
        return SKIPPED
    entries = {row["label"]: row for row in json.load(open(manifest)) if row.get("kind") != "gdb"}
    if options.extensions:
        packages = os.path.join(options.build, "interpreters", "extensions.json")
        entries = {row["label"]: dict(row, extensions=True) for row in json.load(open(packages))} if os.path.exists(packages) else {}
    failed = compared = 0
    try:
        for label in options.label or sorted(entries):
            entry = entries.get(label)
            if entry is None or entry.get("skipped"):
                print("%s: skipped: %s" % (label, entry["reason"] if entry else "not at hand"))
                continue
            if options.preload and entry["root"]:
                print("%s: skipped: %s is not in its root" % (label, options.preload))
                continue
            if options.malloc and entry["version"].startswith("2."):
                print("%s: skipped: it has no PYTHONMALLOC" % label)
                continue
            if entry["root"] and os.geteuid() != 0:
                print("%s: skipped: chroot needs root" % label)
                continue
            if options.tracemalloc and entry["version"].startswith("2."):
                print("%s: skipped: it has no tracemalloc" % label)
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
