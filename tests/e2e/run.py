#!/usr/bin/env python3
"""Runs one module of these tests: `run.py test_batch [NAME …]`. Skips are printed with their reasons;
nothing but skips exits with 77, which CTest shows as skipped."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def main(arguments):
    loader = unittest.TestLoader()
    module = arguments[0]
    names = ["%s.%s" % (module, name) for name in arguments[1:]] or [module]
    suite = loader.loadTestsFromNames(names)
    result = unittest.TextTestRunner(verbosity=2).run(suite)
    for test, reason in result.skipped:
        print("SKIP %s: %s" % (test, reason))
    if result.testsRun == 0:
        print("no test ran")
        return 1
    if not result.wasSuccessful():
        return 1
    return 77 if len(result.skipped) >= result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
