"""C++ is formatted with clang-format 14 and the repository's .clang-format."""

import functools
import re
import shutil
import subprocess

from tree import CPP

# Another version formats a little differently; one is the judge.
VERSION = "14"


@functools.lru_cache
def clang_format():
    for name in (f"clang-format-{VERSION}", "clang-format"):
        path = shutil.which(name)
        if path:
            said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
            if re.search(rf"version {VERSION}\.", said):
                return path
    return None


def skip_reason():
    return None if clang_format() else f"clang-format {VERSION} is not installed"


def run(tree, *options):
    files = [path for path in tree.paths(*CPP) if not tree.is_generated(path)]
    if not files:
        return ""
    command = [clang_format(), "--style=file", *options, *files]
    return subprocess.run(command, cwd=tree.root, capture_output=True, text=True).stderr


def fix(tree):
    run(tree, "-i")


def breaches(tree):
    seen = set()
    for path, line, what in re.findall(
        r"^(.+?):(\d+):\d+: error: (.*)$", run(tree, "--dry-run", "-Werror"), re.M
    ):
        if path not in seen:  # the first place of each file is enough
            seen.add(path)
            yield path, int(line), f"{what} (scripts/format puts it right)"


PLANTED = {"commands/a.cpp": "int   f( ) {return 1 ;}\n"}
CLEAN = {"commands/b.cpp": "int f() { return 1; }\n", ".clang-format": "BasedOnStyle: Google\n"}
