"""A folder includes only from floors below it, and siblings never include one another."""

import re

from floors import FLOOR_OF, folder_of
from tree import CPP

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)
NOT_INCLUDED = ("tests/", "bench/", "tools/", "examples/")


def breaches(tree):
    known = set(tree.paths())
    for path in tree.paths(*CPP):
        here = folder_of(path)
        if here is None:
            continue
        code = tree.code(path)
        for match in INCLUDE.finditer(code):
            target = match.group(1)
            line = code.count("\n", 0, match.start()) + 1
            there = folder_of(target)
            if there == here:
                continue
            if there is None:
                if target.startswith(NOT_INCLUDED):
                    yield path, line, f'"{target}" is no part of the engine'
                elif target not in known:
                    yield path, line, f'"{target}" is not a path from the root'
            elif FLOOR_OF[there] > FLOOR_OF[here]:
                yield path, line, f"{here} includes upwards, from {there}"
            elif FLOOR_OF[there] == FLOOR_OF[here]:
                yield path, line, f"{here} includes its sibling {there}"


PLANTED = {
    "heapparse/malloc/up.cpp": '#include "heapparse/python/types/dict.h"\n',
    "heapparse/malloc/sibling.cpp": '#include "heapparse/pymalloc/pool.h"\n',
    "heapparse/image/beside.cpp": '#include "image.h"\n',
    "commands/test.cpp": '#  include "tests/unit/catch.h"\n',
    "heapparse/base/up.h": '#include "heapparse/image/image.h"\n',
}
CLEAN = {
    "heapparse/census/good.cpp": '#include "heapparse/python/runtime.h"\n#include <vector>\n'
    '// #include "cli/main.h"\n#include "heapparse/census/census.h"\n',
    "heapparse/python/runtime.h": "",
    "heapparse/census/census.h": "",
    "tests/unit/census/x_test.cpp": '#include "heapparse/python/runtime.h"\n',
}
