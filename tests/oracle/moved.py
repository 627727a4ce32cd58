"""Readings with the interpreter's files out of reach: what may then be marked, and what a mark must hold.

The C string of a static type's name is not in a kernel's core. A name that other evidence leaves open ends with `?`.
Invariant: a marked name lists the names that it may be, and the true one is among them; an unmarked one is exact.
"""

import re

MARKED = re.compile(r"[\w.-]+(?:\|[\w.-]+)*\?|<type at 0x[0-9a-f]+>")


def is_moved(reading):
    return reading.moved


# The type's own place: a name that nothing tells, and that nobody takes for another's.
PLACE = "<type at 0x"


def names_of(marked):
    return marked[:-1].split("|")


def is_marked(name):
    return name.endswith("?") or name.startswith(PLACE)


def same_name(reading, said, true):
    if said == true:
        return True
    return is_moved(reading) and is_marked(said) and (said.startswith(PLACE) or true in names_of(said))


def same_text(reading, said, true):
    """Texts that differ at most in marked names, each of which holds the true one."""
    if said == true:
        return True
    if not is_moved(reading):
        return False
    pattern, at = "", 0
    for found in MARKED.finditer(said):
        alternatives = [r"[\w.-]+"] if found.group().startswith(PLACE) else map(re.escape, names_of(found.group()))
        pattern += re.escape(said[at:found.start()]) + "(?:%s)" % "|".join(alternatives)
        at = found.end()
    return at > 0 and re.fullmatch(pattern + re.escape(said[at:]), true, re.DOTALL) is not None
