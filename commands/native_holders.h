// Who holds native memory: what `native` groups by, and what `rss --owners` tells "owner known" by.
//
// A block's holder is the object, or the root, at which the chain of native blocks on its shortest
// way ends. Invariant: both commands count the same blocks as held by objects.
#pragma once

#include <vector>

#include "heapparse/graph/graph.h"

namespace coreheap::commands {

// By node; NodeId::none for nodes that are no native block.
std::vector<graph::NodeId> holders_of_native_blocks(const graph::Graph& graph);

// By row of the census: a native block that an object holds.
std::vector<bool> native_rows_with_owner(const graph::Graph& graph, std::size_t rows);

}  // namespace coreheap::commands
