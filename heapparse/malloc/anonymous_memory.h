// Anonymous private memory as runs of addresses, however the kernel happens to cut it into
// mappings.
#pragma once

#include <vector>

#include "heapparse/base/address.h"
#include "heapparse/image/image.h"

namespace coreheap::glibc {

// Writable private anonymous mappings, touching ones joined (madvise and VMA names split what
// malloc sees as one, and the kernel merges what was mapped separately), sorted. The main stack is
// left out.
std::vector<AddressRange> anonymous_memory(const image::Image& image);

// The stack of each thread, from its stack pointer to its thread control block: live frames, never
// a mapping of malloc's. (The main thread's is a mapping of its own kind.)
std::vector<AddressRange> thread_stacks(const image::Image& image);

// Sorted and disjoint; touching ranges joined.
std::vector<AddressRange> normalised(std::vector<AddressRange> ranges);

// What of `from` is not in `what`; both normalised.
std::vector<AddressRange> without(const std::vector<AddressRange>& from,
                                  const std::vector<AddressRange>& what);

// What of `memory` can hold bytes other than zero: where it is known which pages were resident,
// those; else what the image has. A header that malloc wrote is on a resident page.
std::vector<AddressRange> written_memory(const image::Image& image,
                                         const std::vector<AddressRange>& memory);

// What of `range` is in the image.
std::vector<AddressRange> present_ranges(const image::AddressSpace& space, AddressRange range);

// What of `a` is in `b` too; both normalised.
std::vector<AddressRange> common(const std::vector<AddressRange>& a,
                                 const std::vector<AddressRange>& b);

// The first address at or behind `a` and below `end` whose byte is in the image; `end` when none
// is. A mapping may be terabytes long and hardly present, so scans step by this, never by page
// through a hole.
Address next_present(const image::AddressSpace& space, Address a, Address end);

}  // namespace coreheap::glibc
