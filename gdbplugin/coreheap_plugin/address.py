"""ADDR on a GDB command line is any GDB expression; the engine gets hex.

Which words are addresses is read off the command's usage line, where they are called ADDR. An
expression may hold blanks (`buf + 16`), so the longest run of words that GDB can evaluate is taken.
"""

import contextlib
import re
import shlex

import gdb

from .engine import Failure

_MASK = 0xFFFFFFFFFFFFFFFF
# In the terms of the engine already: it takes so few digits for a row of the last list where rows are meant.
_PLAIN = re.compile(r"^(0[xX][0-9a-fA-F]+|#\d+|\d{1,3})$")


class Usage:
    """Positional words of a command and the options that take a value, from its help text."""

    def __init__(self, name, help_text):
        line = ""
        for candidate in help_text.splitlines():
            match = re.match(r"^\s*(?:usage|syntax)?\s*:?\s*(?:heap|coreheap\b.*?)\s+%s\b(.*)$" % re.escape(name),
                             candidate, re.IGNORECASE)
            if match:
                line = match.group(1)
                break
        # Options of the usage line go with their values; what is left are positionals.
        bare = re.sub(r"\[\s*-[^\]]*\]", " ", line)
        bare = re.sub(r"\[options?\]", " ", bare, flags=re.IGNORECASE)
        bare = re.sub(r"(^|\s)--?[a-z][\w-]*([ =][A-Z]\S*)?", " ", bare)
        words = re.findall(r"[^\s\[\]]+", bare)
        self.positionals = []
        for word in words:
            if word in ("...", "…"):
                if self.positionals:
                    self.positionals[-1] += "..."
            else:
                self.positionals.append(word)
        self.valued = set(re.findall(r"(?<![\w-])(--?[a-z][\w-]*)[ =][<\[]?[A-Z]", help_text))

    def takes_address(self):
        return any("ADDR" in word for word in self.positionals)


def substitute(usage, line):
    """`line` (the words after the command) with its addresses as hex. Failure when one cannot be."""
    if not usage.takes_address():
        return line
    words, rest = _split(usage, line)
    kinds = list(usage.positionals)
    done = []
    while words and kinds:
        kind = kinds[0]
        if not kind.endswith("..."):
            kinds.pop(0)
        if "ADDR" not in kind:
            done.append(_quoted(words.pop(0)))
            continue
        text, used = _longest(words, optional_text=bool(re.search(r"\||/", kind)))
        done.append(text)
        del words[:used]
    done += [_quoted(word) for word in words]
    return " ".join(done + rest)


def _split(usage, line):
    """(positional words, option words): `--name value` stays together, `- 16` is arithmetic."""
    words, rest = [], []
    pending = _words(line)
    while pending:
        word = pending.pop(0)
        if word == "--":
            words += pending
            break
        if re.match(r"^--?[A-Za-z]", word) and not _continues(words, word):
            rest.append(_quoted(word))
            if word in usage.valued and pending:
                rest.append(_quoted(pending.pop(0)))
        else:
            words.append(word)
    return words, rest


def _continues(words, word):
    """Is `-x` the tail of an expression such as `a -x`? Only a single dash can be."""
    return bool(words) and not word.startswith("--") and len(word) > 2


def _words(line):
    """Words of the line; blanks within (), [], {} or quotes do not split, quotes stay (C literals)."""
    words, word, depth, quote = [], "", 0, ""
    for character in line:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth = max(0, depth - 1)
        elif character.isspace() and depth == 0:
            if word:
                words.append(word)
            word = ""
            continue
        word += character
    return words + [word] if word else words


def _unquoted(word):
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "\"'" else word


def _quoted(word):
    """The word for the engine's own splitting: untouched when it has quotes or nothing special."""
    if word[:1] in "\"'" or not re.search(r"\s", word):
        return word
    return shlex.quote(word)


def _longest(words, optional_text):
    """(address, words used) of the longest leading run of words that is one expression. Two words that
    are two arguments (`buf 16`) are a syntax error as one expression, so they are told apart."""
    failure = None
    for count in range(len(words), 0, -1):
        text = _unquoted(words[0]) if count == 1 else " ".join(words[:count])
        if _PLAIN.match(text):
            return words[0], 1
        try:
            return "%#x" % evaluate(text), count
        except gdb.error as error:
            failure = error
    if optional_text:
        return _quoted(words[0]), 1
    raise Failure("cannot evaluate %s: %s\nan address is any GDB expression:  $rsp   &x   buf+16   0x7f..."
                  % (" ".join(words), str(failure).strip().rstrip(".")))


def evaluate(text):
    """The address that a GDB expression means. Pretty-printers are never asked, and nothing is called in
    the target: `f(x)` is an error."""
    with _no_calls():
        return _as_address(gdb.parse_and_eval(text))


@contextlib.contextmanager
def _no_calls():
    allowed = gdb.parameter("may-call-functions")
    gdb.execute("set may-call-functions off", to_string=True)
    try:
        yield
    finally:
        if allowed:
            gdb.execute("set may-call-functions on", to_string=True)


def _as_address(value):
    kind = value.type.strip_typedefs()
    if kind.code in (gdb.TYPE_CODE_REF, getattr(gdb, "TYPE_CODE_RVALUE_REF", gdb.TYPE_CODE_REF)):
        value = value.referenced_value()
        kind = value.type.strip_typedefs()
    if kind.code in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION, gdb.TYPE_CODE_ARRAY, gdb.TYPE_CODE_FUNC):
        if value.address is None:
            raise gdb.error("the value has no address in memory")
        value = value.address
    if kind.code == gdb.TYPE_CODE_FLT:
        raise gdb.error("a floating-point value is no address")
    if kind.code == gdb.TYPE_CODE_VOID:
        raise gdb.error("the value is void")
    try:
        return int(value) & _MASK
    except gdb.error:
        return int(value.cast(gdb.lookup_type("unsigned long"))) & _MASK
