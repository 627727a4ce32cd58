"""Nothing in the tree names one person's machine, or papers that are not in the tree."""

import re

# Written in pieces, so that this file does not contain what it looks for.
START = r"(?:^|[\s\"'=(:,`\[<])"
PATTERNS = [
    START + "/" + "work/",
    START + "/" + "root/",
    START + "/" + "home/" + r"(?!USER\b|user\b)\w",
    r"/tmp" + "/ch" + r"\b",
    r"[.]" + "library/",
    "sub" + "agent",
    r"\b(?:" + "|".join(["INTER" + "FACES", "FEAT" + "URES", "Q" + "UERY", "HELP" + "ERS"]) + r")\.md",
    r"[.][.]/" + "shared/",
]
FORBIDDEN = re.compile("|".join(PATTERNS), re.M)
# Interpreters are discovered: the folder may be named only as the default of its variable.
PYENV = re.compile(r"^(?!.*PYENV_ROOT).*[.]py" + r"env\b.*$", re.M)


def breaches(tree):
    for path in tree.paths():
        if not tree.is_text(path):
            continue
        text = tree.text(path)
        for pattern in (FORBIDDEN, PYENV):
            for match in pattern.finditer(text):
                # A pattern may begin with the line break before it.
                at = match.start() + len(match.group()) - len(match.group().lstrip("\n"))
                line = text.count("\n", 0, at) + 1
                yield path, line, match.group().strip()


PLANTED = {
    "docs/a.md": "see " + "/" + "work/main/x\n",
    "commands/b.cpp": '"' + "/" + 'root/x"\n',
    "tests/c.py": "path = '~/" + ".py" + "env/versions'\n",
    "docs/d.md": "as " + "INTER" + "FACES.md says\n",
}
CLEAN = {
    "docs/good.md": "search in /proc/PID/root/usr and the network/" + "work/ folder\n",
    "tests/interpreters.py": "os.environ.get('PYENV_ROOT') or '~/" + ".py" + "env'\n",
}
