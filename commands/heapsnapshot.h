// The graph as Chrome DevTools and memlab read it: a .heapsnapshot.
//
// Their loader takes numbers modulo 2^32 and one text of at most 2^29 - 24 characters for all
// names, and needs about 160 bytes and 3 microseconds a node. So ids are ranks, not addresses;
// names are cut and written once; and beyond `max_nodes` objects that refer to nothing are folded
// into the first that refers to them. No contents are written: strings are shown by their lengths.
#pragma once

#include <string>

#include "commands/graph_view.h"

namespace coreheap::commands {

struct HeapSnapshot {
  std::string text;
  std::uint64_t nodes = 0;
  std::uint64_t edges = 0;
  std::uint64_t folded = 0;  // objects that are part of others
};

// Errors: not_enough_room when the names do not fit, cancelled.
Result<HeapSnapshot> heap_snapshot(GraphView& view, std::uint64_t max_nodes, JobControl& job);

}  // namespace coreheap::commands
