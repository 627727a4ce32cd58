"""Prints why tests were skipped, then CTest's summary once more, so that it stays at the end.

Usage: skips.py JUNIT_XML CTEST_OUTPUT
A skipped test says its reason on the last line it prints.
"""

import sys
import xml.etree.ElementTree as ElementTree


def skipped(junit):
    for case in ElementTree.parse(junit).iter("testcase"):
        if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
            lines = (case.findtext("system-out") or "").strip().splitlines()
            yield case.get("name"), lines[-1] if lines else "no reason printed"


def summary(output):
    lines = open(output, encoding="utf-8", errors="replace").read().splitlines()
    starts = [i for i, line in enumerate(lines) if "% tests passed" in line]
    return lines[starts[-1] :] if starts else []


def main():
    junit, output = sys.argv[1:]
    found = list(skipped(junit))
    if not found:
        return
    print("\nSkipped, and why:")
    for name, reason in found:
        print(f"  {name}: {reason}")
    print("\n" + "\n".join(summary(output)))


main()
