// Edges in compressed rows: all edges of a node lie together, in one array over all nodes.
//
// Invariant: offsets ascend from 0 to targets.size(); a node's targets are in the order in which
// they were found, repeats and self-loops included.
#pragma once

#include <cstdint>
#include <span>

#include "heapparse/base/big_column.h"
#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"

namespace coreheap::graph {

struct Csr {
  BigColumn<std::uint32_t> offsets;  // one more than there are nodes; empty for no nodes
  BigColumn<std::uint32_t> targets;

  std::size_t size() const { return offsets.empty() ? 0 : offsets.size() - 1; }
  std::span<const std::uint32_t> of(std::uint32_t node) const {
    return std::span(targets).subspan(offsets[node], offsets[node + 1] - offsets[node]);
  }
  std::uint64_t bytes() const { return (offsets.size() + targets.size()) * 4; }
};

// The same edges by target, each target's sources ascending. Every target is below forward.size().
Result<Csr> transpose(const Csr& forward, JobControl& job);

}  // namespace coreheap::graph
