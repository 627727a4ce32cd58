"""Symbols are hints: only finders look them up, and each says in a comment what for."""

import re

from tree import CPP, search

# Beside files with "find" in their name: the table itself, and reports that name an address.
MAY_LOOK_UP = {
    "heapparse/image/symbols.h",
    "heapparse/image/symbols.cpp",
}
OUTSIDE = ("tests/", "tools/", "bench/")
LOOKUP = re.compile(r"\b\w*symbols?_?(?:\(\))?\s*(?:\.|->)\s*(?:find|at)\s*\(")
SAYS_WHAT_FOR = re.compile(r"(?i)(?://|/\*).*\bsymbols?\b")


def breaches(tree):
    for path in tree.paths(*CPP):
        if path.startswith(OUTSIDE) or path in MAY_LOOK_UP:
            continue
        found = list(search(path, tree.code(path), LOOKUP))
        if not found:
            continue
        name = path.rsplit("/", 1)[-1]
        if "find" not in name:
            yield from found
        elif not SAYS_WHAT_FOR.search(tree.text(path)):
            yield path, found[0][1], "looks symbols up; no comment says what for, and what is done without"


PLANTED = {
    "heapparse/python/types/dict.cpp": 'auto t = symbols.find("PyDict_Type");\n',
    "commands/at.cpp": "auto t = snapshot->symbols().at(address);\n",
    "heapparse/malloc/arena_finder.cpp": '// Finds arenas.\nauto t = symbols_->find("main_arena");\n',
}
CLEAN = {
    "heapparse/malloc/main_finder.cpp": "// Without symbols the ring of bins is searched for.\n"
    'auto t = symbols.find("main_arena");\n',
    "heapparse/python/good.cpp": '// symbols.find("x") would be wrong\nmap.find(1);\n',
}
