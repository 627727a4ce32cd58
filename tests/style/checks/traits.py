"""Traits, never versions: code outside cpython_layouts/ does not decide by a version number."""

import re

from tree import CPP, search

ALLOWED = ("cpython_layouts/", "tests/", "tools/", "bench/")
COMPARE = r"(?:==|!=|<=|>=|<(?![<\w])|>(?!>))"
PART = r"(?:major|minor|micro|patch)"
VERSION = re.compile(
    "|".join(
        [
            rf"\bversion\w*(?:\(\))?(?:\.|->){PART}\w*\s*{COMPARE}",  # version.minor >= …
            rf"\b(?:py(?:thon)?_?)?{PART}(?:_version)?_?\s*{COMPARE}\s*\d",  # minor == 11
            rf"\d\s*{COMPARE}\s*[\w.\->]*\b{PART}\b",  # 11 <= minor
            r"\bswitch\s*\([^)]*\b(?:major|minor|micro)\b",
            rf"\bversion\w*(?:\(\))?\s*{COMPARE}\s*(?:\w+::)*Version\b",
            r"\bVersion\s*\{\s*\d",
            r"\b0x0[23][0-9a-fA-F]{6}\b",  # PY_VERSION_HEX
            rf"{COMPARE}\s*[23]\.\d+\b",  # >= 3.11
            r"\bPY_VERSION_HEX\b|\bPY_(?:MAJOR|MINOR)_VERSION\b",
            rf"\blayout\w*(?:\(\))?(?:\.|->)name\s*{COMPARE}",
        ]
    )
)


def breaches(tree):
    for path in tree.paths(*CPP):
        if not path.startswith(ALLOWED):
            yield from search(path, tree.code(path), VERSION)


PLANTED = {
    "heapparse/python/a.cpp": "if (layout.version.minor >= 11) {}\n",
    "heapparse/python/b.cpp": "bool f(int minor) { return minor == 12; }\n",
    "heapparse/python/c.cpp": "if (hex < 0x030c0000) {}\n",
    "heapparse/python/d.cpp": "switch (version.minor) {}\n",
    "heapparse/python/e.cpp": "if (v >= 3.11) {}\n",
    "heapparse/python/f.cpp": "auto v = Version{3, 11};\n",
    "heapparse/python/g.cpp": 'if (layout.name == "3.13t") {}\n',
    "heapparse/python/h.cpp": "if (11 <= version.minor) {}\n",
}
CLEAN = {
    "heapparse/python/good.cpp": "// CPython >= 3.11 does this\n"
    "print(version.major, version.minor);\nif (traits.inline_values) {}\n"
    'print("minor == 11");\nconst layouts::Version v{major, minor, micro};\n',
    "cpython_layouts/lookup.cpp": "if (version.minor >= 11) {}\n",
}
