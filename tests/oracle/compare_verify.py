"""A sound process: no allocator, list or object of it may be said to be damaged."""

import csv


def compare(comparison, reading):
    with open(reading.run(["verify", "--format", "csv"], "verify.csv"), newline="", encoding="utf-8") as lines:
        found = [row for row in csv.DictReader(lines) if row["severity"] == "damage"]
    comparison.compared(len(reading.objects))
    comparison.problem("said to be damaged", ["%s %s: %s (%s)" % (row["address"], row["part"], row["what"], row["evidence"]) for row in found])
