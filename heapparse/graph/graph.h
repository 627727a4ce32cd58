// The object graph of one target: who refers to whom, and what keeps it alive.
//
// Nodes are objects and native blocks (node_table.h), numbered in address order from 0; behind them
// stand the roots (roots.h), and last the super-root, which holds the roots. Edges are what objects
// own (references.h), each as often as it is held. Weak references are no edges; they are kept
// beside. Names of edges are decoded again when they are shown (edge_names.h).
//
// Every node is reachable from the super-root: what nothing else holds hangs at "(unreachable)" or
// "orphan block". Immutable once built; const access is safe from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "heapparse/base/function_ref.h"
#include "heapparse/graph/bits.h"
#include "heapparse/graph/csr.h"
#include "heapparse/graph/dominators.h"
#include "heapparse/graph/node.h"
#include "heapparse/graph/node_table.h"
#include "heapparse/graph/reach.h"
#include "heapparse/graph/root_edges.h"
#include "heapparse/graph/roots.h"
#include "heapparse/graph/sources.h"
#include "heapparse/graph/unexplained.h"

namespace coreheap::graph {

class Graph {
 public:
  // Nodes ------------------------------------------------------------------------------------
  // Objects and native blocks: ids [0, objects()). Roots and the super-root follow, up to size().
  std::uint32_t objects() const { return nodes_.size(); }
  std::uint32_t size() const { return root_edges_.size(); }
  NodeId super_root() const { return NodeId{root_edges_.super_root()}; }
  bool is_root(NodeId id) const { return index_of(id) >= objects(); }
  // Only of a root other than the super-root.
  const Root& root(NodeId id) const { return roots_[index_of(id) - objects()]; }
  const std::vector<Root>& roots() const { return roots_; }
  NodeId root_id(std::size_t index) const {
    return NodeId{objects() + static_cast<std::uint32_t>(index)};
  }

  // Only of objects and native blocks.
  census::RowId row(NodeId id) const { return nodes_.row(id); }
  Address address(NodeId id) const { return nodes_.address(id); }
  bool is_object(NodeId id) const { return !is_root(id) && nodes_.is_object(id); }
  // Of the row of a node; a buffer's is its owner's. NodeId::none for what is free or cached.
  NodeId node(census::RowId row) const;
  // The object or native block that lies at `a`, interior addresses and buffers included.
  NodeId node_at(Address a) const;
  // Footprint in bytes: own allocation (0 for what is static) and buffers. 0 for roots.
  std::uint64_t weight(NodeId id) const { return is_root(id) ? 0 : nodes_.weight(id); }
  std::uint64_t total_weight() const { return total_weight_; }
  const NodeTable& table() const { return nodes_; }

  // Edges ------------------------------------------------------------------------------------
  // A multi-edge is visited as often as it is held. Roots are referrers too; the super-root is not
  // shown as one.
  template <class Visit>
  void for_each_referent(NodeId id, Visit&& visit) const {
    const std::uint32_t i = index_of(id);
    const auto targets = i < objects()        ? forward_.of(i)
                         : id == super_root() ? std::span<const std::uint32_t>()
                                              : root_edges_.of(i);
    for (const std::uint32_t t : targets) visit(NodeId{t});
  }
  template <class Visit>
  void for_each_referrer(NodeId id, Visit&& visit) const {
    const std::uint32_t i = index_of(id);
    if (i < objects()) {
      for (const std::uint32_t s : reverse_.of(i)) visit(NodeId{s});
    }
    if (!held_by_root_[i]) return;
    for (const auto& [target, root] : root_edges_.referrers(i)) visit(NodeId{root});
  }
  // Edges out of and into an object, roots left out.
  std::uint32_t out_refs(NodeId id) const {
    return is_root(id) ? 0 : static_cast<std::uint32_t>(forward_.of(index_of(id)).size());
  }
  std::uint32_t in_refs(NodeId id) const {
    return is_root(id) ? 0 : static_cast<std::uint32_t>(reverse_.of(index_of(id)).size());
  }
  bool held_by_root(NodeId id) const { return held_by_root_[index_of(id)]; }
  // (weak reference, referent) and (referent, weak reference), sorted.
  std::span<const Edge> weak_referents(NodeId id) const { return range_of(weak_, id); }
  std::span<const Edge> weak_referrers(NodeId id) const { return range_of(weak_back_, id); }
  // Is this edge a word that looked like a pointer, in memory that no decoder knows?
  bool is_conservative(NodeId holder, NodeId target) const;
  // Native blocks that no word is the address of, and that words point into: sorted.
  const std::vector<std::uint32_t>& held_by_middle() const { return held_by_middle_; }
  const Csr& forward() const { return forward_; }
  const Csr& reverse() const { return reverse_; }
  const RootEdges& root_edges() const { return root_edges_; }

  // Life -------------------------------------------------------------------------------------
  // The node before `id` on a shortest way from a root of the most telling kind that reaches it;
  // the super-root for a root, NodeId::none for the super-root.
  NodeId parent(NodeId id) const;
  // Nodes on that way between the root and `id`: 0 for what a root holds itself.
  std::uint32_t depth(NodeId id) const;
  // By node [0, objects()): depth of all, in one pass.
  BigColumn<std::uint32_t> depths() const;
  // The root at which that way begins.
  NodeId root_of(NodeId id) const;
  // By node [0, objects()): the root of all, in one pass.
  BigColumn<std::uint32_t> roots_of_all() const;
  bool is_immortal(NodeId id) const { return !is_root(id) && immortal_[index_of(id)]; }
  // Alive: on a way from a root other than "(unreachable)" and "orphan block".
  bool is_reachable(NodeId id) const { return is_root(id) || !unreachable_[index_of(id)]; }
  // What gc.collect() would free: objects that only hold one another, and what hangs on them.
  bool is_garbage(NodeId id) const { return is_object(id) && garbage_[index_of(id)]; }
  // Garbage, ascending; and by its place there the number of its strongly connected component.
  const std::vector<std::uint32_t>& garbage() const { return garbage_nodes_; }
  const std::vector<std::uint32_t>& garbage_components() const { return garbage_components_; }
  bool garbage_component_is_cycle(std::uint32_t c) const { return component_is_cycle_[c]; }
  // Dicts of interned strings that own none of them: their references are no edges.
  bool is_interned_table(NodeId id) const;

  // Refcounts --------------------------------------------------------------------------------
  // Sorted by node: objects whose refcount counts more than objects and frames hold.
  const std::vector<Unexplained>& unexplained() const { return unexplained_; }
  // References that nothing explains, words of memory included.
  std::uint32_t unexplained(NodeId id) const;
  const std::vector<std::uint32_t>& overcounted() const { return overcounted_; }
  const AuditSums& audit() const { return audit_; }
  // References of heap objects to what is no object in use: damage, or a torn image.
  std::uint64_t dangling() const { return dangling_; }

  std::uint64_t bytes() const;  // of memory, dominators not included

 private:
  friend class GraphBuilder;

  static std::span<const Edge> range_of(const std::vector<Edge>& edges, NodeId id);

  const census::Census* census_ = nullptr;
  NodeTable nodes_;
  Csr forward_;
  Csr reverse_;
  std::vector<Root> roots_;
  RootEdges root_edges_;
  Bits held_by_root_;
  std::vector<Edge> weak_;
  std::vector<Edge> weak_back_;
  std::vector<Edge> conservative_;
  std::vector<std::uint32_t> held_by_middle_;
  Ways ways_;
  Bits immortal_;
  Bits unreachable_;
  Bits garbage_;
  std::vector<std::uint32_t> garbage_nodes_;
  std::vector<std::uint32_t> garbage_components_;
  std::vector<bool> component_is_cycle_;
  std::vector<std::uint32_t> interned_tables_;
  std::vector<Unexplained> unexplained_;
  std::vector<std::uint32_t> overcounted_;
  AuditSums audit_;
  std::uint64_t total_weight_ = 0;
  std::uint64_t dangling_ = 0;
};

Result<Graph> build(const Sources& sources, JobControl& job);

// By node id, roots and the super-root included.
Result<Dominators> find_dominators(const Graph& graph, JobControl& job);

}  // namespace coreheap::graph
