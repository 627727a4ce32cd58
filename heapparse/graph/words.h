// Conservative edges: words of memory whose layout nobody knows, taken for references.
//
// A word counts only when it is exactly a node's address. One that is an object's counts only where
// the object's refcount is higher than what exact references explain: a refcount cannot be wrong,
// so stale and borrowed pointers hold nothing. A native block has no refcount; each word counts.
//
// Words that lie inside a native block are kept apart: they count only for blocks that no word is
// the address of. Such are held by their middle: members of lists that link through a field behind
// the first (SQLite's pages), and what an allocator of a library gave out behind a head of its own.
#pragma once

#include <cstdint>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "heapparse/graph/bits.h"
#include "heapparse/graph/edges.h"
#include "heapparse/graph/node_table.h"
#include "heapparse/graph/sources.h"

namespace coreheap::graph {

// Words of `range` count for `holder`, a node or a root.
struct WordRange {
  AddressRange range;
  std::uint32_t holder = 0;
};

struct FoundWords {
  std::vector<Edge> exact;   // in the order of their holders; a holder's repeats are kept
  std::vector<Edge> inside;  // native blocks that a word points into; likewise
};

class WordScan {
 public:
  // `open`: objects with references that nothing explained so far.
  WordScan(const Sources& sources, const NodeTable& nodes, const Bits& open)
      : sources_(sources), nodes_(nodes), open_(open) {}

  Result<FoundWords> ranges(const std::vector<WordRange>& ranges, JobControl& job) const;
  // What native blocks hold, and objects beside what their decoders say: the blocks and buffers
  // whose inside nobody knows.
  Result<FoundWords> blocks(JobControl& job) const;

 private:
  class Scanner;
  const Sources& sources_;
  const NodeTable& nodes_;
  const Bits& open_;
};

// Blocks that the C library and allocators keep for themselves: pointers in them hold nothing.
bool is_of_c_runtime(census::Kind kind);

}  // namespace coreheap::graph
