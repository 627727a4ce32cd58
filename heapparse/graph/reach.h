// What is reachable from where, and on which way: breadth first, so that the way is a shortest one.
#pragma once

#include <cstdint>
#include <span>

#include "heapparse/base/big_column.h"
#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "heapparse/graph/bits.h"
#include "heapparse/graph/csr.h"

namespace coreheap::graph {

// A growing forest of shortest ways. Searches that start later go on only where earlier ones did
// not come: whoever starts first is preferred, however long its ways are.
class Ways {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;
  static constexpr std::uint32_t kBlocked = 0xfffffffe;

  Ways() = default;
  explicit Ways(std::size_t nodes);

  bool reached(std::uint32_t node) const { return parent_[node] < kBlocked; }
  // No way leads to it or through it any more. Only before the first search.
  void block(std::uint32_t node) { parent_[node] = kBlocked; }
  // The node before it on its way; its root at the beginning.
  std::uint32_t parent(std::uint32_t node) const { return parent_[node]; }

  // Makes `root` the parent of those of `held` that nobody reached yet, and adds them to the
  // next search's beginnings.
  void start(std::uint32_t root, std::span<const std::uint32_t> held);
  // Goes on from all beginnings to whatever is reachable from them.
  Result<void> search(const Csr& forward, JobControl& job);

  std::uint64_t bytes() const { return parent_.size() * 4; }

 private:
  BigColumn<std::uint32_t> parent_;
  BigColumn<std::uint32_t> queue_;
};

}  // namespace coreheap::graph
