#!/usr/bin/env python3
"""Runs the benchmarks over a core and writes their figures into README.md, between its two marks.

    bench/figures.py CORE [--build build/release] [--what WORDS]

Best of what each benchmark repeats; ratios are those of one process. --what names the core in the table's heading.
"""

import argparse
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
BEGIN, END = "<!-- figures -->\n", "<!-- end -->"


def measured(program, core):
    ran = subprocess.run([program, "--benchmark_format=json"], env=dict(os.environ, COREHEAP_BENCH_CORE=core),
                         stdout=subprocess.PIPE, text=True, check=True)
    report = json.loads(ran.stdout)
    for one in report["benchmarks"]:
        if one.get("error_occurred"):
            sys.exit("%s: %s: %s" % (program, one["name"], one["error_message"]))
    return report["benchmarks"]


def named(one):
    return re.sub(r"/.*", "", one["name"]).replace("_", " ")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("core")
    parser.add_argument("--build", default=os.path.join(HERE, "..", "build", "release"))
    parser.add_argument("--what", default="")
    options = parser.parse_args()
    programs = [os.path.join(options.build, "bench", name) for name in ("bench_stages", "bench_queries")]
    stages, queries = [measured(program, options.core) for program in programs]
    size = os.path.getsize(options.core)
    lines = ["A core of %.2f GB%s.\n" % (size / 1e9, ": " + options.what if options.what else ""),
             "| stage | x_read | x_walk | bytes an object |", "|---|---:|---:|---:|"]
    steps = []
    for one in stages:
        cells = ["%.1f" % one[key] if key in one else "" for key in ("x_read", "x_walk", "bytes/object")]
        lines.append("| %s | %s |" % (named(one), " | ".join(cells)))
        steps += [(key[5:], value) for key, value in one.items() if key.startswith("step ")]
    if steps:
        lines += ["", "| step of a whole look | x_read |", "|---|---:|"]
        lines += ["| %s | %.2f |" % one for one in sorted(steps, key=lambda one: -one[1]) if one[1] >= 0.01]
    lines += ["", "| query | x_pass | rows |", "|---|---:|---:|"]
    lines += ["| %s | %.2f | %s |" % (named(one), one["x_pass"], format(int(one["rows"]), ",")) for one in queries]
    path = os.path.join(HERE, "README.md")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    front, _, rest = text.partition(BEGIN)
    _, _, behind = rest.partition(END)
    with open(path, "w", encoding="utf-8") as file:
        file.write(front + BEGIN + "\n".join(lines) + "\n" + END + behind)


if __name__ == "__main__":
    main()
