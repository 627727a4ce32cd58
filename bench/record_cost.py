#!/usr/bin/env python3
"""What `rss --record` costs: CPU a sample by size of the target, and the target's own throughput beside it.

    bench/record_cost.py build/release/bin/coreheap [--mib 100 --mib 1000] [--pairs 10]

Throughput: a loop that allocates and frees, counted for two seconds of its own CPU with and without a recorder that
takes a sample every 100 ms, in pairs whose order alternates; the median of the ratios is printed. CPU, not wall
time, so that other work on the machine does not count: what is left is what the recorder does to the process.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

TARGET = """
import sys, time
kept = [bytearray(1 << 16) for _ in range(int(sys.argv[1]) * 16)]
print("ready", flush=True)
for line in sys.stdin:
    end, count = time.process_time() + float(line), 0
    while time.process_time() < end:
        [object() for _ in range(1000)]
        bytearray(200000)
        count += 1
    print(count, flush=True)
"""


class Target:
    def __init__(self, mib):
        self.process = subprocess.Popen([sys.executable, "-c", TARGET, str(mib)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def loops(self, seconds):
        self.process.stdin.write("%f\n" % seconds)
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def close(self):
        self.process.kill()
        self.process.wait()


def recorder(program, pid, seconds, every, folder):
    words = ["--every", str(every)] + (["--for", str(seconds)] if seconds else [])
    return subprocess.Popen([program, str(pid), "rss", "--record", os.path.join(folder, "r.csv"), *words, "--format", "json"],
                            stdout=subprocess.PIPE, text=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--mib", type=int, action="append")
    parser.add_argument("--pairs", type=int, default=10)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for mib in options.mib or [100, 1000]:
            target = Target(mib)
            report = json.loads(recorder(options.program, target.process.pid, 5, 0.1, folder).communicate()[0])
            cost = next(one for one in report["sections"] if one["name"] == "cost")["values"]["cpu_microseconds_per_sample"]
            ratios = []
            for pair in range(options.pairs):
                rates = {}
                for with_recorder in ((True, False) if pair % 2 else (False, True)):
                    recording = recorder(options.program, target.process.pid, 0, 0.1, folder) if with_recorder else None
                    time.sleep(1)                     # the copy at the start is over
                    rates[with_recorder] = target.loops(2)
                    if recording:
                        recording.terminate()
                        recording.wait()
                ratios.append(rates[True] / rates[False])
            print("%5d MiB: %.2f ms CPU a sample; throughput at ten samples a second %.3f of that without (median of %d pairs, %.3f to %.3f)"
                  % (mib, cost / 1000, statistics.median(ratios), len(ratios), min(ratios), max(ratios)))
            target.close()


if __name__ == "__main__":
    main()
