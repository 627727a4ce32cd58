// The refcount audit: how many references each object's refcount counts that no object was seen to
// hold, and what explained them after all.
//
// Invariant: entries are sorted by node, one a node; left <= missing.
#pragma once

#include <cstdint>
#include <vector>

#include "heapparse/graph/bits.h"
#include "heapparse/graph/edges.h"
#include "heapparse/graph/roots.h"

namespace coreheap::graph {

struct Unexplained {
  std::uint32_t node = 0;
  std::uint32_t missing = 0;   // references counted, less those that objects and frames hold
  std::uint32_t left = 0;      // less those that words of memory may be
  std::uint16_t found_in = 0;  // a bit a RootKind; kInGuess, kInBlock beside
  static constexpr std::uint16_t kInGuess = 1 << 14;  // the state of a module or an unknown C type
  static constexpr std::uint16_t kInBlock = 1 << 15;  // a native block
};

// Of mortal objects, whose count says how often they are referred to.
struct AuditSums {
  std::uint64_t mortal = 0;
  std::uint64_t exact = 0;    // refcount equals the references that were found
  std::uint64_t missing = 0;  // it counts more
  std::uint64_t left = 0;     // it counts more than words of memory explain
  std::uint64_t over = 0;     // it counts fewer: something refers to it without owning it
};

class Audit {
 public:
  // `found[node]`: references seen.
  Audit(const BigColumn<std::uint32_t>& refcounts, const BigColumn<std::uint32_t>& found);

  // Objects with references left to explain.
  const Bits& open() const { return open_; }
  // Takes edges of one kind of holder: of those to open objects each explains one reference.
  // Returns the edges that count: to native blocks (which have no refcount) and open objects.
  std::vector<Edge> explain(std::vector<Edge> edges, std::uint16_t found_in);

  const std::vector<Unexplained>& entries() const { return entries_; }
  const std::vector<std::uint32_t>& overcounted() const { return overcounted_; }
  AuditSums sums() const;

 private:
  Unexplained* entry(std::uint32_t node);

  const BigColumn<std::uint32_t>& refcounts_;
  std::vector<Unexplained> entries_;
  std::vector<std::uint32_t> overcounted_;
  Bits open_;
  AuditSums sums_;
};

}  // namespace coreheap::graph
