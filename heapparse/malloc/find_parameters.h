// Finds mp_ (malloc_par), which nothing points to, by the relations between its fields.
#pragma once

#include <cstdint>
#include <optional>

#include "heapparse/image/image.h"
#include "heapparse/image/symbols.h"
#include "heapparse/malloc/find_main_arena.h"
#include "heapparse/malloc/malloc_heap.h"

namespace coreheap::glibc {

// What the main arena says about where its memory began.
struct MainArenaFacts {
  bool contiguous = true;
  std::uint64_t system_bytes = 0;
  // Contiguous: end of top minus system_mem, which is sbrk_base to the byte.
  std::optional<Address> expected_sbrk_base;
};

struct FoundParameters {
  const ParameterLayout* layout = nullptr;
  MallocParameters values;
  Evidence evidence;
};

std::optional<FoundParameters> find_parameters(const image::Image& image,
                                               const image::Symbols& symbols, const ArenaRing& ring,
                                               const MainArenaFacts& main);

}  // namespace coreheap::glibc
