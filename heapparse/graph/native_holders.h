// Who holds native memory: every native block is charged to one Python object, or to the root that
// leads to it where no object does.
//
// That a block is held is a matter of words that are its address, and some of those are stale: left
// in memory that was never cleared. In a structure that is linked all over (a parsed document, a
// cache of pages), one stale word reaches everything, so the nearest object is often the wrong one.
// So blocks that lead to each other are one structure, and of a structure the objects of one
// *family*, the package whose C code made them, are the holders: the family with most words that
// point into it, from objects and from structures that are held already. Within it each block is
// the nearest object's; but a holder that would go with another (a statement with its database's
// connection) has only what it points to and what that one does not reach.
//
// Invariant: every native block has exactly one holder, an object or a root, never another native
// block; it is an object wherever a chain of native blocks leads from one.
#pragma once

#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "heapparse/graph/dominators.h"
#include "heapparse/graph/graph.h"

namespace coreheap::graph {

// By node [0, objects()); NodeId::none for nodes that are no native block. Work and memory are
// linear in the native blocks and the words that point to them.
Result<std::vector<NodeId>> holders_of_native_blocks(const Sources& sources, const Graph& graph,
                                                     const Dominators& dominators, JobControl& job);

}  // namespace coreheap::graph
