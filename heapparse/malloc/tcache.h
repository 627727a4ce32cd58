// Reads the per-thread caches: found in thread-local storage, or by their structure.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "heapparse/image/image.h"
#include "heapparse/malloc/find_main_arena.h"
#include "heapparse/malloc/free_lists.h"
#include "heapparse/malloc/layout.h"
#include "heapparse/malloc/malloc_heap.h"
#include "heapparse/malloc/ownership.h"

namespace coreheap::glibc {

struct TcacheSearch {
  const image::Image& image;
  const ArenaRing& ring;
  const Ownership& ownership;
  const MallocParameters& parameters;
  std::optional<bool> safe_linking;  // nullopt: to be told by the links
};

struct FoundTcaches {
  const TcacheLayout* layout = nullptr;  // nullptr: no tcache was seen
  std::optional<bool> safe_linking;
  std::vector<Tcache> tcaches;
  std::vector<FreeEntry> entries;
  std::size_t threads_without = 0;     // slot readable and not a tcache: none made yet
  std::size_t threads_unreadable = 0;  // slot not in the image, or zeroed by a failed read
  std::vector<Evidence> evidence;
  Findings findings;
};

// By the thread pointers: the slot has one offset in all threads of a process.
FoundTcaches find_tcaches_of_threads(const TcacheSearch& search);

// The chunk at `chunk` of `chunk_size` bytes holds a tcache that is not empty (or whose slot counts
// add up). Appends to `found` and returns true, the new entries being in state `state`.
bool adopt_tcache_chunk(const TcacheSearch& search, Address chunk, std::uint64_t chunk_size,
                        ChunkState state, FoundTcaches& found);

// A chunk of this size may hold a tcache struct under a layout that goes with the ring.
bool may_hold_tcache(const ArenaRing& ring, const TcacheLayout* decided, std::uint64_t chunk_size);

}  // namespace coreheap::glibc
