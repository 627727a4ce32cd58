// Rows for objects that were reached by closure in another allocator's memory, and for the buffers
// that they own there.
//
// Nobody says where such a block begins and ends: it begins with the words in front of its object,
// and is as long as the object says itself. What the allocator rounds to stays in the ranges
// between. A buffer gets a row where its owner's own size tells how long it is.
#pragma once

#include <cstdint>
#include <vector>

#include "heapparse/census/build.h"

namespace coreheap::census {

struct ReachedBlock {
  static constexpr std::uint32_t kBuffer = 0xffffffff;
  Address address;
  std::uint64_t size = 0;
  std::uint32_t type = kBuffer;  // index into the TypeTable
  std::uint32_t offset = 0;      // of the object in its block
  bool interned = false;

  bool is_object() const { return type != kBuffer; }
};

// Sorted and disjoint; each inside one range of the other allocator's memory. Empty without one.
std::vector<ReachedBlock> find_reached_blocks(const Sources& sources, JobControl& job);

}  // namespace coreheap::census
