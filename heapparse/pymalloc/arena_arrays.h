// pymalloc's own list of its arenas: arrays of arena_object, one an obmalloc state, found from the
// pools.
//
// A pool names its arena by index. So a word X of the interpreter's writable data is the `arenas`
// pointer when the arena_object at X + 48 * index describes an arena that the pool lies in; with
// the checks an arena_object allows for, one pool is nearly enough, and the array that most pools
// agree with wins. Where to look: beside `usedpools`, whose address follows from the rings that
// pools with room hang in (up to 3.11 a static of the same module; from 3.12 on the first member of
// the obmalloc state, which an isolated subinterpreter has on the heap), and in all modules'
// writable data.
//
// Invariant: each arena of a returned array passed read_arena_object and holds a pool that names
// its slot, or stands between such slots.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "heapparse/base/parallel.h"
#include "heapparse/image/image.h"
#include "heapparse/pymalloc/pool_scan.h"

namespace coreheap::pymalloc {

// An arena in use, as its arena_object says.
struct ArenaObject {
  AddressRange range;
  std::uint32_t slot = 0;
  std::uint32_t pools_total = 0;
  std::uint32_t pools_free = 0;
  Address carved_end;
};

inline constexpr std::uint64_t kArenaObjectBytes = 48;

// nullopt when the slot is unused, not in the image, or describes nothing that could be an arena.
std::optional<ArenaObject> read_arena_object(image::Reader& reader, Address array,
                                             std::uint32_t slot, const Shape& shape);

struct ArenaArray {
  Address address;
  Address anchor;             // the word that points to it
  Address used_pools;         // of the same obmalloc state; 0 when not known
  std::uint64_t closing = 0;  // pools that lie in the arena whose slot they name
  std::vector<ArenaObject> arenas;
};

struct ArenaSearch {
  std::vector<ArenaArray> arrays;   // the main interpreter's first, then most pools first
  std::vector<Address> used_pools;  // tables of ring heads that hold together
  std::uint64_t closing = 0;
};

Result<ArenaSearch> find_arena_arrays(const image::Image& image, const Candidates& candidates,
                                      JobControl& job);

// A stretch of pools of one arena slot, at most one arena long.
struct PoolRun {
  std::size_t first = 0;
  std::size_t count = 0;
  std::size_t adjacent = 0;  // longest part without a gap
};
std::vector<PoolRun> runs_of(std::span<const Candidate> pools, std::uint32_t pool_bytes);

// Pools that stand side by side and name one arena are no coincidence from here on: arenas are
// carved from their start without gaps.
inline constexpr std::size_t kTrustedRun = 4;

}  // namespace coreheap::pymalloc
