"""A sound process: no allocator, list or object of it may be said to be damaged."""

from reading import csv_rows


def compare(comparison, reading):
    with open(reading.run(["verify", "--format", "csv"], "verify.csv"), newline="", encoding="utf-8") as lines:
        found = [row for row in csv_rows(lines) if row["severity"] == "damage"]
    comparison.compared(len(reading.objects))
    comparison.problem("said to be damaged", ["%s %s: %s (%s)" % (row["address"], row["part"], row["what"], row["evidence"]) for row in found])
