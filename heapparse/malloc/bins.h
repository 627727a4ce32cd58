// Reads the bins and fastbins of one arena.
#pragma once

#include <optional>
#include <vector>

#include "heapparse/image/address_space.h"
#include "heapparse/malloc/find_main_arena.h"
#include "heapparse/malloc/free_lists.h"
#include "heapparse/malloc/malloc_heap.h"

namespace coreheap::glibc {

// Fills `arena.bins` and appends the listed chunks to `entries`.
void read_bins(image::Reader& reader, Address bins, std::uint16_t index, Arena& arena,
               std::vector<FreeEntry>& entries, Findings& findings);

// Fills `arena.fastbin_counts` and appends to `entries`.
void read_fastbins(image::Reader& reader, Address bins, std::uint16_t index, bool safe_linking,
                   Arena& arena, std::vector<FreeEntry>& entries, Findings& findings);

// Whether fastbin links are mangled, told by the links themselves; nullopt when there are none.
std::optional<bool> safe_linking_by_fastbins(image::Reader& reader, const ArenaRing& ring);

}  // namespace coreheap::glibc
