// One look at each page of private writable memory: which of them start with a pool header?
//
// This is the only pass over the whole memory; it touches one cache line a page and keeps 32 bytes
// for each hit. Invariant: the pools of each shape are sorted by address.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "heapparse/base/parallel.h"
#include "heapparse/image/image.h"
#include "heapparse/pymalloc/pool_header.h"

namespace coreheap::pymalloc {

// A place that looks like a pool.
struct Candidate {
  Address address;
  std::uint32_t live = 0;
  std::uint32_t carved = 0;
  std::uint32_t arena_slot = 0;
  std::uint16_t size_class = 0;
  bool has_room = false;  // live, and not full: such pools hang in a ring
};

struct Candidates {
  Shape shape;
  std::vector<Candidate> pools;
  // Where usedpools, the table of ring heads, must lie for a neighbour of a pool to be its ring's
  // head; one entry a vote.
  std::vector<Address> ring_heads;

  bool is_pool(Address a) const;
};

struct PoolScan {
  std::array<Candidates, kShapeCount> by_shape;
  std::uint64_t scanned_bytes = 0;
};

// Memory that pymalloc may have its arenas in.
bool may_hold_arenas(const image::Mapping& mapping);

Result<PoolScan> scan_for_pools(const image::Image& image, JobControl& job);

}  // namespace coreheap::pymalloc
