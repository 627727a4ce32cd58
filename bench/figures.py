#!/usr/bin/env python3
"""Makes cores of known shapes, runs the benchmarks over them and writes the figures into README.md, between its marks.

    bench/figures.py [--millions 10] [--folder FOLDER] [--build build/release]

Ratios are those of one process each. The cores, half a gigabyte to a gigabyte each, are removed one by one.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

import pause

HERE = os.path.dirname(os.path.abspath(__file__))
BEGIN, END = "<!-- figures -->\n", "<!-- end -->"
SHAPES = {
    "table": "floats, strings and tuples, a third each",
    "instances": "instances of a class with two fields, a third; the strings in one of them, a third",
    "linked": "one doubly linked list of lists",
    "chain": "one chain of lists, held at its head",
    "islands": "pairs of lists that only refer to each other",
    "dict": "floats, the keys of one dict",
}
GRAPH = "build_graph|find_retained_sizes|search_a_path"


def measured(program, core, *arguments):
    ran = subprocess.run([program, "--benchmark_format=json", *arguments], env=dict(os.environ, COREHEAP_BENCH_CORE=core),
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    report = json.loads(ran.stdout)
    for one in report["benchmarks"]:
        if one.get("error_occurred"):
            sys.exit("%s: %s: %s" % (program, one["name"], one["error_message"]))
    return [one for one in report["benchmarks"] if one.get("aggregate_name") == "best"]


def named(one):
    return re.sub(r"/.*", "", one["name"]).replace("_", " ")


def figures(one, *keys):
    return " | ".join("%.1f" % one[key] if key in one else "" for key in keys)


def stage_tables(stages):
    lines = ["| stage | x_read | x_walk | bytes an object |", "|---|---:|---:|---:|"]
    steps = []
    for one in stages:
        found = [(key[5:], value) for key, value in one.items() if key.startswith("step ")]
        if found:
            steps += found
        else:
            lines.append("| %s | %s |" % (named(one), figures(one, "x_read", "x_walk", "bytes/object")))
    lines += ["", "| step of a whole look, from the file to retained sizes | x_read |", "|---|---:|"]
    return lines + ["| %s | %.2f |" % one for one in sorted(steps, key=lambda one: -one[1]) if one[1] >= 0.05]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=float, default=10)
    parser.add_argument("--folder", help="where cores lie meanwhile")
    parser.add_argument("--build", default=os.path.join(HERE, "..", "build", "release"))
    options = parser.parse_args()
    stages, queries = [os.path.join(options.build, "bench", name) for name in ("bench_stages", "bench_queries")]
    lines, shapes = [], []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for shape, what in SHAPES.items():
            made = subprocess.run([sys.executable, os.path.join(HERE, "make_core.py"), str(options.millions), folder, shape],
                                  stdout=subprocess.PIPE, text=True)
            if made.returncode:
                sys.exit("no core of shape %s" % shape)
            core = made.stdout.strip()
            if shape == "table":
                lines += ["`table`, %g million blocks, %.2f GB: %s.\n" % (options.millions, os.path.getsize(core) / 1e9, what)]
                lines += stage_tables(measured(stages, core))
            if shape == "instances":
                lines += ["", "`instances`: %s. `x_pass` is a multiple of one pass over what the query names.\n" % what,
                          "| query | x_pass |", "|---|---:|"]
                lines += ["| %s | %.1f |" % (named(one), one["x_pass"]) for one in measured(queries, core)]
            graph = {named(one): one for one in measured(stages, core, "--benchmark_filter=" + GRAPH)}
            shapes.append("| `%s` | %s | %s | %s | %s | %s |" % (
                shape, what, figures(graph["build graph"], "x_walk"), figures(graph["find retained sizes"], "x_walk"),
                figures(graph["search a path"], "x_walk"),
                "%.0f" % sum(graph[name]["bytes/object"] for name in ("build graph", "find retained sizes"))))
            os.remove(core)
    lines += ["", "The graph by shape, as multiples of the walk over all blocks:\n",
              "| shape | what | references | retained sizes | a path | bytes an object |", "|---|---|---:|---:|---:|---:|"]
    lines += shapes
    lines += ["", "The stop of a live target (`bench/pause.py`), best of five; the budget is 1.5:\n"]
    lines += pause.table(os.path.join(options.build, "bin", "coreheap"))
    path = os.path.join(HERE, "README.md")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    front, _, rest = text.partition(BEGIN)
    _, _, behind = rest.partition(END)
    with open(path, "w", encoding="utf-8") as file:
        file.write(front + BEGIN + "\n".join(lines) + "\n" + END + behind)


if __name__ == "__main__":
    main()
