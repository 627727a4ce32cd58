#!/usr/bin/env python3
"""A program `coreheap` that knows nothing about heaps: it says how it was called, and takes its time."""

import os
import signal
import sys
import time

HELP_ALL = """The memory
  types       objects by type
              also: census
  show        one object
  sleep       takes its time

Every table
  --limit N  rows
"""


def main(words):
    if words == ["--version"]:
        print("coreheap 0 (fake program)")
    elif words == ["help", "all"]:
        print(HELP_ALL, end="")
    elif words[0] == "help" and len(words) == 2:
        print("coreheap TARGET %s %s\n  a summary\n\nOptions\n  --limit N  rows" %
              (words[1], "ADDR" if words[1] == "show" else ""))
    elif "sleep" in words:
        if "stubborn" in words:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            time.sleep(100)
        except KeyboardInterrupt:
            with open(os.environ["FAKE_ENGINE_TRACE"], "w") as file:
                file.write("interrupted")
            return 130
    elif "fail" in words:
        print("failed\ntry something else", file=sys.stderr)
        return int(words[-1])
    elif "crash" in words:
        os.kill(os.getpid(), signal.SIGSEGV)
    else:
        print("argv %r columns=%s plain=%s" % (words, os.environ.get("COLUMNS"), os.environ.get("NO_COLOR")))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
