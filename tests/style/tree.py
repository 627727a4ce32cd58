"""The files of a checkout, and C++ with its comments and strings blanked."""

import os
import re
import subprocess

CPP = (".h", ".hpp", ".cpp", ".cc")

TOKEN = re.compile(
    r'(?P<raw>R"(?P<mark>[^()\s\\]{0,16})\(.*?\)(?P=mark)")'
    r"|(?P<comment>//[^\n]*|/\*.*?\*/)"
    r'|(?P<include>^[ \t]*#[ \t]*include[^\n]*)'
    r'|(?P<string>"(?:\\.|[^"\\\n])*")'
    r"|(?P<char>(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+')",
    re.S | re.M,
)


def blank(text):
    return re.sub(r"[^\n]", " ", text)


class Tree:
    def __init__(self, root):
        self.root = os.path.abspath(root)
        self._paths = None

    def paths(self, *suffixes):
        """Paths of the project's files relative to the root: tracked, or new and not ignored."""
        if self._paths is None:
            self._paths = sorted(self._from_git() or self._from_disk())
        return [p for p in self._paths if not suffixes or p.endswith(suffixes)]

    def _from_git(self):
        if not os.path.exists(os.path.join(self.root, ".git")):
            return None
        listing = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", self.root, "ls-files", "-z",
             "--cached", "--others", "--exclude-standard"],
            capture_output=True, check=False)
        names = listing.stdout.decode(errors="surrogateescape").split("\0")
        return [n for n in names if n and os.path.isfile(os.path.join(self.root, n))]

    def _from_disk(self):
        for folder, folders, files in os.walk(self.root):
            folders[:] = [f for f in folders if f not in (".git", "build", "__pycache__")]
            for name in files:
                yield os.path.relpath(os.path.join(folder, name), self.root)

    def text(self, path):
        with open(os.path.join(self.root, path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def is_text(self, path):
        with open(os.path.join(self.root, path), "rb") as file:
            return b"\0" not in file.read(4096)

    def code(self, path):
        """C++ text with comments and literals blanked, line numbers kept."""

        def replace(match):
            return match.group() if match.lastgroup == "include" else blank(match.group())

        return TOKEN.sub(replace, self.text(path))


def search(path, text, pattern):
    """(path, line, matched line) of every match of a compiled pattern."""
    lines = text.split("\n")
    for match in pattern.finditer(text):
        number = text.count("\n", 0, match.start())
        yield path, number + 1, lines[number].strip()
