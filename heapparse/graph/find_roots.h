// Where the roots are: which they are, what they hold for certain, and which memory of theirs is to
// be searched for words.
#pragma once

#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/graph/edges.h"
#include "heapparse/graph/node_table.h"
#include "heapparse/graph/root_edges.h"
#include "heapparse/graph/roots.h"
#include "heapparse/graph/sources.h"
#include "heapparse/graph/words.h"

namespace coreheap::graph {

struct FoundRoots {
  std::vector<Root> roots;
  RootEdges edges;  // the root's id is objects + its index
  // Edges that are part of refcounts: those of running frames.
  std::vector<std::uint32_t> counted;
  // Edges that a refcount may count or not: claimed first where something is left to explain.
  std::vector<Edge> borrowed;
  // Memory to be searched, the most certain holders first.
  std::vector<WordRange> states;   // interpreter and thread states, running frames' stacks
  std::vector<WordRange> globals;  // data of files, TLS
  std::vector<WordRange> other;    // memory of no known allocator
  std::vector<WordRange> stacks;   // C stacks
  std::vector<Edge> registers;
  std::uint32_t static_root = 0;
  std::uint32_t immortal_root = 0;
  std::uint32_t runtime_root = 0;
  std::uint32_t orphan_root = 0;
  std::uint32_t reference_root = 0;
  std::uint32_t unreachable_root = 0;
};

FoundRoots find_roots(const Sources& sources, const NodeTable& nodes);

}  // namespace coreheap::graph
