#!/usr/bin/env python3
"""Planted leaks: is each named first, with the right holder; and are clean programs named clean?

planted.py is run by every interpreter, once a leak; `coreheap PID leaks` is asked for its first suspect.
Exit 77: nothing could be run, with the reason.
"""

import argparse
import array
import bisect
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SKIPPED = 77
# leak -> (kind of the suspect, what its place or its words must match, first version)
PLANTED = {
    "growing_dict": ("holder", r"^__main__\.HISTORY\b", (2, 7)),
    "unbounded_cache": ("holder", r"^__main__\.lookup\b.*lru_cache, 20,000 entries \(not bounded\)", (3, 6)),
    "closure": ("holder", r"^__main__\.remember\.__closure__.*list, 20,000 items", (2, 7)),
    "thread_local": ("holder", r"(LOCAL|thread).*list, 20,000 items", (2, 7)),
    "listeners": ("holder", r"^__main__\.Bus\.handlers\b.*list, 20,000 items", (2, 7)),
    "traceback_frames": ("holder", r"^__main__\.LAST_ERROR\b.*big.*list, 20,000 items", (2, 7)),
    "cycles_with_del": ("garbage", r"\b[\d,]+ objects only refer to one another", (3, 6)),
    "c_references": ("c-references", r"\b[\d,]+ __main__\.Record", (2, 7)),
    "lost_blocks": ("orphan-blocks", r"\b[\d,]+ native blocks have nothing that points to them", (2, 7)),
    "tasks": ("holder|group", r"__main__\.PENDING\b|LOOP|20,000 _asyncio\.Task", (3, 7)),
}
CLEAN = ["clean", "clean_modules"]
# leak whose program lists what it lost -> (the question that names each, the column with its address,
# its usable bytes: 0, only words that are the address itself lead there)
LISTED = {
    "c_references": (["orphans", "--objects"], "object", 0),
    "lost_blocks": (["select", "not reachable | show addr"], "addr", 408),
}


class Run:
    """One program, started and waiting."""

    def __init__(self, entry, scratch, word):
        root = entry["root"]
        self.folder = tempfile.mkdtemp(prefix="planted-", dir=os.path.join(root, "tmp") if root else scratch)
        shutil.copy(os.path.join(HERE, "planted.py"), self.folder)
        inside = os.path.join("/", os.path.relpath(self.folder, root)) if root else self.folder

        def enter():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            if root:
                os.chroot(root)
            os.chdir(inside)
        self.process = subprocess.Popen([entry["exe"], "-s", "-B", "planted.py", word], preexec_fn=enter, stdin=subprocess.DEVNULL,
                                        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/tmp"},
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.said = []
        for line in self.process.stdout:
            self.said.append(line)
            if line.strip() == "ready":
                return
        raise RuntimeError("%s did not get ready: %s" % (word, "".join(self.said)[-400:]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def ask(options, pid, question):
    done = subprocess.run([options.coreheap, str(pid), *question, "--format", "json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=options.timeout)
    if done.returncode not in (0, 3):
        raise RuntimeError("exit %d: %s" % (done.returncode, done.stderr.strip()))
    return json.loads(done.stdout)


def held_by_a_word(pid, blocks):
    """Those of `blocks`, {begin: size}, into which some word points that the process may read.

    The last 8 bytes do not count: where the head of the next chunk begins, glibc's own lists point."""
    begins = sorted(blocks)
    found = set()
    with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", buffering=0) as memory:
        for line in maps if begins else []:
            fields = line.split()
            begin, end = (int(part, 16) for part in fields[0].split("-"))
            if "r" not in fields[1] or fields[-1] in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
                continue
            memory.seek(begin)
            try:
                words = array.array("Q", memory.read(end - begin))
            except OSError:
                continue
            low, high = begins[0], begins[-1] + blocks[begins[-1]]
            for word in set(word for word in words if low <= word <= high):
                at = begins[bisect.bisect_right(begins, word) - 1]
                if word < at + blocks[at] - 8 or word == at:
                    found.add(at)
    return found


def trouble_with_list(options, run, word):
    """Every address that the program lists is named, unless some word of its memory still leads there."""
    question, column, size = LISTED[word]
    with open(os.path.join(run.folder, "planted")) as lines:
        planted = {int(line, 16) for line in lines}
    rows = ask(options, run.process.pid, [*question, "--limit", "all"])["rows"]
    named = {int(row[column], 16) for row in rows if row.get("left", 1)}
    passed_over = planted - named
    unexplained = passed_over - held_by_a_word(run.process.pid, dict.fromkeys(passed_over, size))
    if len(planted) != 20000 or unexplained:
        return "%d planted, %d of them not named though no word of memory leads there" % (len(planted), len(unexplained))
    return None


def suspects(options, pid):
    report = ask(options, pid, ["leaks"])
    sentences = next(section["rows"] for section in report["sections"] if section["name"] == "sentences")
    return [dict(row, **said) for row, said in zip(report["rows"], sentences)]


def check(options, entry, word):
    """A line of trouble, or None."""
    with Run(entry, options.scratch, word) as run:
        found = suspects(options, run.process.pid)
        if word in LISTED:
            trouble = trouble_with_list(options, run, word)
            if trouble:
                return trouble
    if word in CLEAN:
        return "named %s" % found[0]["sentence"] if found else None
    kind, pattern, _ = PLANTED[word]
    if not found:
        return "no suspects"
    first = found[0]
    words = "%s %s %s" % (first["place"], first["what"], first["sentence"])
    if not re.fullmatch(kind, first["kind"]) or not re.search(pattern, words, re.S):
        return "first is %s: %s | %s" % (first["kind"], first["place"], first["sentence"])
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--coreheap", required=True)
    parser.add_argument("--build", default=os.path.normpath(os.path.join(HERE, "../../build")))
    parser.add_argument("--label", action="append")
    parser.add_argument("--plant", action="append", help="only these")
    parser.add_argument("--timeout", type=int, default=300)
    options = parser.parse_args()
    manifest = os.path.join(options.build, "interpreters", "manifest.json")
    if not os.path.exists(manifest):
        print("skipped: no %s; run tests/interpreters/fetch" % manifest)
        return SKIPPED
    entries = {row["label"]: row for row in json.load(open(manifest)) if row.get("kind") != "gdb"}
    options.scratch = tempfile.mkdtemp(prefix="planted-scratch-")
    failed = ran = 0
    try:
        for label in options.label or sorted(entries):
            entry = entries.get(label)
            if entry is None or entry.get("skipped"):
                print("%s: skipped: %s" % (label, entry["reason"] if entry else "not at hand"))
                continue
            if entry["root"] and os.geteuid() != 0:
                print("%s: skipped: chroot needs root" % label)
                continue
            version = tuple(int(part) for part in re.findall(r"\d+", entry["version"])[:2])
            for word in options.plant or [*PLANTED, *CLEAN]:
                if word in PLANTED and version < PLANTED[word][2]:
                    print("%s %s: left out: %d.%d has no such thing" % (label, word, *version))
                    continue
                ran += 1
                try:
                    trouble = check(options, entry, word)
                except (RuntimeError, subprocess.TimeoutExpired) as error:
                    trouble = str(error)
                print("%s %s: %s" % (label, word, "FAILED: " + trouble if trouble else "ok"))
                failed += bool(trouble)
                sys.stdout.flush()
    finally:
        shutil.rmtree(options.scratch, ignore_errors=True)
    print("%d programs asked about, %d failed" % (ran, failed))
    if failed:
        return 1
    return 0 if ran else SKIPPED


if __name__ == "__main__":
    sys.exit(main())
