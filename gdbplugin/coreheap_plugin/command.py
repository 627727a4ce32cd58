"""GDB's commands: every word of the engine's registry under `coreheap`, and under `heap` where free.

The registry is the engine's; this file knows no command by name except `help`. Help text, completion,
suggestions for mistyped words all come from there, so GDB and the command line say the same.
"""

import re

import gdb

from . import address, target
from .engine import Failure

_PREFIXES = ("coreheap", "heap")  # the first is ours whatever else is loaded
_HEXDUMP = "hexdump"
_WITHOUT_TARGET = ("help", "version")

_OVERVIEW = """Where the memory of this CPython process is, who holds it, what gives it back.

Usage: {prefix} [COMMAND ...]

{prefix} alone prints the first screen; {prefix} help names the commands to start with.
ADDR is any GDB expression ($rsp, self, buf+16); a result's address is left in $_."""


class Prefix(gdb.Command):
    """`heap`: the first screen, or, with a word GDB does not know below it, what the engine says to it."""

    def __init__(self, name, session, known):
        self.__doc__ = _OVERVIEW.format(prefix=name)
        self._session = session
        self._known = known
        super(Prefix, self).__init__(name, gdb.COMMAND_DATA, gdb.COMPLETE_NONE, True)

    def invoke(self, argument, from_tty):
        self.dont_repeat()
        word = argument.split()[0] if argument.split() else ""
        # An unknown word must be told so, with or without a target. Where the engine has no list of
        # words every word may be one.
        may_be_known = not word or word.startswith("-") or word in self._known or not self._known
        needs_target = may_be_known and word not in _WITHOUT_TARGET and not _asks_for_help(argument)
        self._session.run(argument, from_tty, needs_target)


class Word(gdb.Command):
    """One command of the registry below a prefix, or at top level (`hexdump`)."""

    def __init__(self, gdb_name, name, summary, session):
        self._name = name
        self._session = session
        self._usage = None
        self.__doc__ = _document(summary, session.engine.help(name)) or name
        super(Word, self).__init__(gdb_name, gdb.COMMAND_DATA)

    def usage(self):
        if self._usage is None:
            self._usage = address.Usage(self._name, self._session.engine.help(self._name))
        return self._usage

    def invoke(self, argument, from_tty):
        self.dont_repeat()
        argument = argument.strip()
        needs_target = self._name not in _WITHOUT_TARGET and not _asks_for_help(argument)
        if needs_target:
            if not target.exists():
                raise gdb.GdbError(target.NO_TARGET)
            try:
                argument = address.substitute(self.usage(), argument)
            except Failure as error:
                raise gdb.GdbError(str(error))
        self._session.run((self._name + " " + argument).strip(), from_tty, needs_target)

    def complete(self, text, word):
        last = "" if not text or text[-1].isspace() else text.split()[-1]
        found = self._session.engine.complete(self._name + " " + text)
        if not found and not last.startswith("-") and self.usage().takes_address():
            return gdb.COMPLETE_EXPRESSION
        if word is None:
            return found
        # GDB replaces `word`, which starts after the last break character, and `-` is one.
        offset = max(0, len(last) - len(word))
        return [candidate[offset:] for candidate in found]


def _document(summary, help_text):
    """GDB lists a command by its first line, so that is the registry's summary; the manual follows,
    without saying the summary again."""
    lines = [line for line in help_text.strip("\n").split("\n") if line.strip() != summary or not summary]
    return (summary + "\n\n" + "\n".join(lines)).strip()


def _asks_for_help(argument):
    return any(word in ("-h", "--help") for word in argument.split())


def _is_free(name):
    """Is there no command of exactly this name?"""
    return name not in gdb.execute("complete " + name, to_string=True).split("\n")


def _alias(new, old):
    try:
        gdb.execute("alias -- %s = %s" % (new, old), to_string=True)
    except gdb.error:
        pass  # taken: by the user, or by an earlier load


def register(session, owned):
    """Registers the commands; returns the top-level words that are ours. `owned` are so already."""
    # A command named coreheap makes the word `core` ambiguous, and people type `core FILE`.
    _alias("core", "core-file")
    rows = session.engine.commands()
    known = {name for name, _summary in rows}
    words = []
    for prefix in _PREFIXES:
        if prefix != _PREFIXES[0] and prefix not in owned and not _is_free(prefix):
            continue
        words.append(prefix)
        Prefix(prefix, session, known)
        for name, summary in rows:
            if not summary.startswith("= "):
                Word(prefix + " " + name, name, summary, session)
        for name, summary in rows:
            if summary.startswith("= "):
                _alias(prefix + " " + name, prefix + " " + summary[2:].strip())
    if _HEXDUMP in known and (_HEXDUMP in owned or _is_free(_HEXDUMP)):
        words.append(_HEXDUMP)
        summary = dict(rows)[_HEXDUMP]
        name = summary[2:].strip() if summary.startswith("= ") else _HEXDUMP
        Word(_HEXDUMP, name, re.sub("^= ", "", dict(rows).get(name, "")), session)
    return tuple(words)
