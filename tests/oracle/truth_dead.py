"""Where objects lay that are dead since: lines `d ADDR KIND`. Another object may live there by now; the truth's
own `o` lines say so."""
import heap_collector


def lines(seen):
    return ["d %x %s\n" % (address, kind) for kind, places in heap_collector.DEAD for address in places if address]
