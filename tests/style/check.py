"""Runs one check on a tree: check.py NAME ROOT. Exit 0 clean, 1 with a line a breach, 77 skipped.

With --fix a check that can put things right (format) does so instead.
"""

import importlib
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from tree import Tree  # noqa: E402

NAMES = ["includes", "views", "traits", "symbols", "length", "words", "readmes", "links", "format"]



def load(name):
    return importlib.import_module(f"checks.{name}")


def main():
    name, root, *options = sys.argv[1:]
    check = load(name)
    reason = getattr(check, "skip_reason", lambda: None)()
    if reason:
        print(reason)
        return 77
    if options == ["--fix"]:
        check.fix(Tree(root))
        return 0
    found = list(check.breaches(Tree(root)))
    for path, line, what in found:
        print(f"{path}:{line}: {what}")
    if found:
        print(f"\n{len(found)} breaches of: {check.__doc__.strip().splitlines()[0]}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
