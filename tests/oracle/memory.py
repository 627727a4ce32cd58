"""The parent's memory as the kernel shows it: what the comparison checks claims against.

Read once, while the parent is parked in pause(), from /proc/PID/mem. Reading by page where a block
fails: glibc 2.42 keeps guard pages inside readable maps, and a read that crosses one is short.
"""

import array
import bisect
import itertools
import re

PAGE = 4096
BLOCK = 1 << 16


class Region:
    def __init__(self, begin, end, name, data):
        self.begin, self.end, self.name, self.data = begin, end, name, data


class Counted:
    """Resident bytes of a process's mappings, as smaps has them at one moment.

    Not the same for a target's life: gdb's gcore reads what was never touched, and a kernel that has no zero page for
    such reads gives each page a frame of its own.
    """

    def __init__(self, pid):
        self.smaps, self.anonymous = {}, {}           # Rss by mapping; of anonymous ones alone
        self.undumped = set()                         # mappings that no core holds, because they were marked so
        with open("/proc/%d/smaps" % pid) as smaps:
            for line in smaps:
                match = re.match(r"([0-9a-f]+)-[0-9a-f]+ \S+ \S+ \S+ \d+\s*(.*)", line)
                if match:
                    begin, name = int(match.group(1), 16), match.group(2)
                elif line.startswith("Rss:"):
                    self.smaps[begin] = int(line.split()[1]) * 1024
                    if not name or name in ("[heap]", "[stack]"):
                        self.anonymous[begin] = self.smaps[begin]
                elif line.startswith("VmFlags:") and "dd" in line.split():
                    self.undumped.add(begin)


class Memory:
    """Private data regions of a process (not code)."""

    def __init__(self, pid):
        self.regions = []
        self.mappings = []                            # (begin, end, name) of every line
        self.files = []                               # [begin, end) of every mapping of a file, read-only ones too
        previous_end, previous_file = 0, ""
        with open("/proc/%d/maps" % pid) as maps, open("/proc/%d/mem" % pid, "rb", 0) as mem:
            for line in maps:
                match = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \d+\s*(.*)", line)
                begin, end, name = int(match.group(1), 16), int(match.group(2), 16), match.group(4)
                self.mappings.append((begin, end, name))
                if not name and begin == previous_end and previous_file:
                    name = previous_file              # .bss: anonymous right behind its file
                previous_end, previous_file = end, name if name.startswith("/") else ""
                if name.startswith("/"):
                    self.files.append((begin, end))
                # Read-only pages of files count: what is const after relocation holds references too.
                if match.group(3)[3] == "p" and (match.group(3).startswith("rw") or
                                                 match.group(3).startswith("r--") and name.startswith("/")):
                    self.regions.append(Region(begin, end, name, self._read(mem, begin, end)))
        self._begins = [region.begin for region in self.regions]

    @staticmethod
    def _read(mem, begin, end):
        parts = []
        position = begin
        while position < end:
            size = min(end - position, 1 << 22)
            try:
                mem.seek(position)
                part = mem.read(size)
            except OSError:
                part = b""
            if len(part) < size:
                part = b""
                for page in range(position, position + size, PAGE):
                    try:
                        mem.seek(page)
                        one = mem.read(PAGE)
                    except OSError:
                        one = b""
                    part += one + bytes(PAGE - len(one))
            parts.append(part)
            position += size
        return b"".join(parts)

    def region_of(self, address):
        at = bisect.bisect_right(self._begins, address) - 1
        if at >= 0 and address < self.regions[at].end:
            return self.regions[at]
        return None

    def in_file(self, address):
        at = bisect.bisect_right(self.files, (address, 1 << 64)) - 1
        return at >= 0 and address < self.files[at][1]

    def word(self, address):
        region = self.region_of(address)
        if region is None or address + 8 > region.end:
            return None
        offset = address - region.begin
        return int.from_bytes(region.data[offset:offset + 8], "little")

    def words_equal_to(self, values):
        """Yields (address of the word, its value) for every aligned word that is in the set `values`."""
        nothing = bytes(BLOCK)
        for region in self.regions:
            for offset in range(0, len(region.data), BLOCK):
                block = region.data[offset:offset + BLOCK]
                if block == nothing:
                    continue
                words = array.array("Q", block)
                for i in itertools.compress(range(len(words)), map(values.__contains__, words)):
                    yield region.begin + offset + 8 * i, words[i]

    def differences(self, other):
        """Pages that differ between two readings of one process, as (address, region name)."""
        mine = {(r.begin, r.end): r for r in self.regions}
        theirs = {(r.begin, r.end): r for r in other.regions}
        changed = [(key[0], "mapping came or went") for key in mine.keys() ^ theirs.keys()]
        for key in mine.keys() & theirs.keys():
            a, b = mine[key].data, theirs[key].data
            if a != b:
                changed += [(key[0] + at, mine[key].name) for at in range(0, len(a), PAGE) if a[at:at + PAGE] != b[at:at + PAGE]]
        return sorted(changed)
