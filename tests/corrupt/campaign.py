#!/usr/bin/env python3
"""Makes a small core of every interpreter at hand and reads it damaged, many times (smash_core).

    campaign.py --program build/fuzz/tests/smash_core [--label LABEL …] [--seeds FIRST:LAST] [--seconds S]

Seeds are a label's; --seconds bounds each label's time. Exit 77: no interpreter, with the reason.
"""

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SKIPPED = 77


def kernel_core(process, folder, core):
    """Where cores are files of the working directory: the kernel's, which leaves out what was never touched."""
    pattern = open("/proc/sys/kernel/core_pattern").read().strip()
    if pattern.startswith("|") or "/" in pattern or not pattern:
        return False
    before = set(os.listdir(folder))
    os.kill(process.pid, signal.SIGABRT)
    process.wait()
    made = [name for name in set(os.listdir(folder)) - before if "core" in name]
    if len(made) != 1:
        return False
    shutil.move(os.path.join(folder, made[0]), core)
    return True


def make_core(entry, folder):
    """The path of a core that gdb, or the kernel where it may, made of the sample under this interpreter."""
    root = entry["root"]
    inside = tempfile.mkdtemp(prefix="corrupt-", dir=os.path.join(root, "tmp") if root else folder)
    shutil.copy(os.path.join(HERE, "sample.py"), inside)

    def enter():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        if root:
            os.chroot(root)
        os.chdir(os.path.join("/", os.path.relpath(inside, root)) if root else inside)
    process = subprocess.Popen([entry["exe"], "-s", "-B", "sample.py"], preexec_fn=enter, stdin=subprocess.DEVNULL,
                               env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/tmp"}, stdout=subprocess.PIPE, text=True)
    core = os.path.join(folder, "core.%s" % entry["label"])
    try:
        if process.stdout.readline().strip() != "ready":
            raise RuntimeError("%s: the sample did not get ready" % entry["label"])
        if kernel_core(process, inside, core):
            return core
        done = subprocess.run(["gdb", "-nx", "-batch", "-p", str(process.pid), "-ex", "gcore " + core],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        if not os.path.exists(core):
            raise RuntimeError("%s: gdb made no core: %s" % (entry["label"], done.stdout[-300:]))
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        shutil.rmtree(inside, ignore_errors=True)
    return core


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True)
    parser.add_argument("--build", default=os.path.normpath(os.path.join(HERE, "../../build")))
    parser.add_argument("--label", action="append")
    parser.add_argument("--seeds", default="0:200")
    parser.add_argument("--seconds", default="0")
    parser.add_argument("--kind")
    parser.add_argument("--cores", help="keep cores in this folder, and take those that are there")
    options = parser.parse_args()
    manifest = os.path.join(options.build, "interpreters", "manifest.json")
    if os.path.exists(manifest):
        entries = {row["label"]: row for row in json.load(open(manifest)) if row.get("kind") != "gdb" and not row.get("skipped")}
    else:
        entries = {"system": {"label": "system", "root": "", "exe": "/usr/bin/python3"}}
    if os.geteuid() != 0:
        entries = {label: row for label, row in entries.items() if not row["root"]}
    labels = [label for label in options.label or sorted(entries) if label in entries]
    if not labels:
        print("skipped: none of %s is at hand" % ", ".join(options.label or ["any interpreter"]))
        return SKIPPED
    folder = options.cores or tempfile.mkdtemp(prefix="corrupt-cores-")
    os.makedirs(folder, exist_ok=True)
    failed = 0
    try:
        for label in labels:
            core = os.path.join(folder, "core.%s" % label)
            if not os.path.exists(core):
                core = make_core(entries[label], folder)
            print("%s: %d bytes" % (label, os.path.getsize(core)), flush=True)
            command = [options.program, core, "--seeds", options.seeds, "--seconds", options.seconds]
            if options.kind:
                command += ["--kind", options.kind]
            failed += subprocess.run(command).returncode != 0
    finally:
        if not options.cores:
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
