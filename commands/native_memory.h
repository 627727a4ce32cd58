// Native memory by who holds it: what `native` lists, what `rss --owners` and the first screen tell
// "owner known" by, and the first screen's WHOSE NATIVE MEMORY.
#pragma once

#include <string>
#include <vector>

#include "commands/graph_view.h"
#include "commands/table.h"
#include "heapparse/graph/native_holders.h"

namespace coreheap::commands {

// Blocks of one line: held by objects of one type, or by one root.
struct NativeHolder {
  std::string name;           // the type; of a root its name in parentheses
  std::uint64_t objects = 0;  // that hold some; 0 for a root
  std::uint64_t blocks = 0;   // native blocks
  std::uint64_t bytes = 0;    // what they take
  std::uint64_t buffers = 0;  // raw memory that the census knows to be the objects' own besides
  graph::NodeId largest = graph::NodeId::none;  // of the blocks
  // Root lines: the size that most of the bytes come in, and how many blocks have it.
  std::uint64_t top_size = 0;
  std::uint64_t top_blocks = 0;
};

struct NativeMemory {
  std::vector<NativeHolder> holders;  // most bytes and buffers first
  std::vector<bool> owned;            // by row of the census: a native block that an object holds
};

Result<NativeMemory> native_memory(Context& context, GraphView& view);

std::vector<Column> native_columns();
Table native_table(const GraphView& view, const NativeMemory& memory);

// Adds WHOSE NATIVE MEMORY to the first screen: the `most` largest holders, and the rest.
void add_native_holders(const GraphView& view, const NativeMemory& memory, std::size_t most,
                        Report& report);

}  // namespace coreheap::commands
