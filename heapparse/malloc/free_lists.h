// What the lists of free chunks (bins, fastbins, tcaches) say, in the form in which the walk merges
// it.
//
// The walk never asks a map about a chunk: entries are sorted by address once and read alongside.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "heapparse/base/address.h"
#include "heapparse/malloc/malloc_heap.h"

namespace coreheap::glibc {

struct FreeEntry {
  Address chunk;
  std::uint64_t size = 0;
  ChunkState state = ChunkState::bin;
  // The chunk's neighbours confirm it (next.prev_size, next's flag, back links): as good as walked.
  bool proven = false;
  std::uint16_t arena = 0;  // whose list; a tcache's entries have the arena of their heap
  std::uint32_t thread = Chunk::kNoThread;

  bool operator<(const FreeEntry& other) const { return chunk < other.chunk; }
};

// Safe-linking (2.32): a stored link is mixed with the address of the field that holds it.
inline Address reveal_link(Address field, std::uint64_t stored, bool safe_linking) {
  return Address{safe_linking ? stored ^ (field.value >> 12) : stored};
}

// A hostile image may hold a finding a chunk; past this many of a kind they are only counted.
inline constexpr std::size_t kMostFindings = 1000;

inline void note(Findings& findings, Finding finding) {
  if (findings.size() < kMostFindings) findings.push_back(std::move(finding));
}

}  // namespace coreheap::glibc
