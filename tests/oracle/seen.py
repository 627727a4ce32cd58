"""What comparisons saw of a target's readings, so that none is made twice on the same bytes.

A comparison is a function of what it looks at: the target's truth and memory, which stay, and what coreheap says of
this reading. Invariant: it counts as made only where each thing that it looked at, byte for byte, is what it was in a
reading of the same target that had no difference; one look that differs, or that fails, and it is made anew.
"""

import hashlib


class Seen:
    """Of one target: what has been looked at by comparisons that found no difference, and what they said."""

    def __init__(self):
        self._agreed = {}                     # comparison: [([(look, value)], what it said)]
        self.parsed = {}                      # (what, digest): parsed output, shared by readings

    def before(self, name, reading):
        """What comparison `name` said when it saw just this; None where it never did."""
        for looks, said in self._agreed.get(name, ()):
            try:
                if all(look(reading) == value for look, value in looks):
                    return said
            except RuntimeError:              # coreheap fails here: the comparison says so
                pass
        return None

    def agreed(self, name, looks, said):
        self._agreed.setdefault(name, []).append((list(looks), said))


def digest(path):
    found = hashlib.blake2b(digest_size=16)
    with open(path, "rb") as stream:
        while True:
            part = stream.read(1 << 20)
            if not part:
                return found.digest()
            found.update(part)
