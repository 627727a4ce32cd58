"""Links between the pages lead somewhere."""

import os
import posixpath
import re

LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")


def breaches(tree):
    for path in tree.paths(".md"):
        text = re.sub(r"```.*?```|`[^`\n]*`", lambda m: re.sub(r"[^\n]", " ", m.group()),
                      tree.text(path), flags=re.S)
        for match in LINK.finditer(text):
            target = match.group(1).split("#")[0]
            if not target or "://" in target or target.startswith("mailto:"):
                continue
            place = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            if place.startswith("..") or not os.path.exists(os.path.join(tree.root, place)):
                yield path, text.count("\n", 0, match.start()) + 1, f"{target} is not there"


PLANTED = {"docs/a.md": "[x](b.md)\n", "README.md": "[x](../other/c.md#part)\n"}
CLEAN = {"docs/good.md": "[g](good.md) `[no](link.md)` [w](https://x.org/y)\n"}
