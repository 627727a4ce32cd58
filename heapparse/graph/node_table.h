// Which rows of the census are nodes of the graph, and the node at an address.
//
// A node is an object in use, or a native block in use that no object owns. Buffers are no nodes:
// what they weigh, their owner weighs. Static objects are nodes that weigh what they own outside
// of themselves. Nodes are numbered in address order, so that neighbours in memory are neighbours
// in every array.
//
// Invariant: node(row(id)) == id, find(address(id)) == id, addresses ascend.
#pragma once

#include <cstdint>
#include <vector>

#include "heapparse/base/address.h"
#include "heapparse/base/big_column.h"
#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "heapparse/census/census.h"
#include "heapparse/graph/node.h"

namespace coreheap::graph {

class NodeTable {
 public:
  NodeTable() = default;
  // Errors: out_of_memory, when there are more than 2^32 - 2^16 nodes.
  static Result<NodeTable> build(const census::Census& census, JobControl& job);

  std::uint32_t size() const { return static_cast<std::uint32_t>(row_.size()); }
  census::RowId row(NodeId id) const { return census::RowId{row_[index_of(id)]}; }
  // id() of an object; of a native block what its allocator returned.
  Address address(NodeId id) const { return address_of_row(row(id)); }
  bool is_object(NodeId id) const { return rows_->holds_object(row(id)); }
  // NodeId::none when the row is no node.
  NodeId node(census::RowId row) const;

  // From the first node to the end of the last: what lies outside is in no node, and that is most
  // words of memory, which are numbers or text.
  AddressRange span() const {
    if (regions_.empty()) return {};
    return {Address{regions_.front().begin}, Address{regions_.back().reach}};
  }

  // Remembers in which region the last one was found.
  struct Hint {
    std::uint32_t region = 0;
  };
  // The node whose address is exactly `a`.
  NodeId find(Address a, Hint& hint) const;
  NodeId find(Address a) const {
    Hint hint;
    return find(a, hint);
  }
  // The node that begins at `a` or last before it, when `a` lies among nodes; it may end before
  // `a`.
  NodeId last_up_to(Address a, Hint& hint) const;

  // Bytes of a node in units of 8: its allocation (0 for what is static) and its buffers.
  static constexpr std::uint64_t kUnit = 8;
  std::span<const std::uint32_t> weights() const { return weight_; }
  std::uint64_t weight(NodeId id) const { return weight_[index_of(id)] * kUnit; }

  std::uint64_t bytes() const;

 private:
  // A bit a granule of memory, with the number of nodes before each word of bits: the rank.
  struct Word {
    std::uint64_t bits;
    std::uint32_t rank;
    std::uint32_t unused;
  };
  struct Region {
    std::uint64_t begin = 0;
    std::uint64_t end = 0;    // of the granules that have bits
    std::uint64_t reach = 0;  // end of the last node, or `end` if that is higher
    std::uint64_t first = 0;  // index into words_
    std::uint32_t last = 0;   // its last node
    // What all addresses of the region leave over a granule; kMixed: they differ.
    std::uint8_t residue = 0;
  };
  static constexpr std::uint8_t kMixed = 0xff;

  Address address_of_row(census::RowId r) const {
    return rows_->holds_object(r) ? rows_->object(r) : rows_->address(r);
  }
  const Region* region_of(Address a, Hint& hint) const;
  void index_addresses();
  void weigh(JobControl& job);

  const census::Rows* rows_ = nullptr;
  BigColumn<std::uint32_t> row_;     // by node
  BigColumn<std::uint32_t> weight_;  // by node
  // The same ranks over rows: 64 rows a word.
  BigColumn<std::uint64_t> row_bits_;
  BigColumn<std::uint32_t> row_ranks_;
  unsigned shift_ = 4;  // log2 of a granule
  std::vector<Region> regions_;
  BigColumn<Word> words_;
};

}  // namespace coreheap::graph
