"""Every byte of every mapping has exactly one home among rows and ranges."""

import bisect

from reading import extent


def compare(comparison, reading):
    rows, ranges, memory, glibc, live = reading.rows, reading.ranges, reading.memory, reading.glibc, reading.live
    pieces = sorted([extent(row, glibc) for row in rows] + [(r["begin"], r["end"]) for r in ranges])
    overlaps = ["%#x-%#x and %#x" % (a[0], a[1], b[0]) for a, b in zip(pieces, pieces[1:]) if a[1] > b[0]]
    comparison.problem("bytes with two homes", overlaps)
    begins = [piece[0] for piece in pieces]
    gaps, absent, covered = [], [], 0
    for begin, end, name in memory.mappings:
        size = 0
        i = max(0, bisect.bisect_right(begins, begin) - 1)
        while i < len(pieces) and pieces[i][0] < end:
            size += max(0, min(pieces[i][1], end) - max(pieces[i][0], begin))
            i += 1
        if size == 0:
            absent.append(name)
        elif size != end - begin:
            gaps.append("%#x-%#x %s: %d of %d bytes" % (begin, end, name, size, end - begin))
        covered += size
    comparison.problem("mappings with bytes without a home", gaps)
    # A core holds what the kernel dumps; a live reading has every mapping.
    comparison.problem("mappings that are not shown", [name for name in absent if live and name != "[vsyscall]"])
    comparison.compared(covered)
    comparison.note("every one of %d bytes in %d mappings has one home" % (covered, len(memory.mappings) - len(absent)))
