// The holders of the first screen and of `leaks` as text and as a table: who holds the memory, in
// words that name a place in the program.
#pragma once

#include <string>
#include <vector>

#include "commands/graph_view.h"
#include "commands/table.h"
#include "heapparse/graph/holders.h"

namespace coreheap::commands {

struct NamedHolder {
  graph::Holder holder;
  std::string place;   // "app.CACHE", "local rows of handle() at app.py:12", "182 app.Task"
  std::string what;    // "dict, 61,204 items"
  std::string inside;  // "largest part: 1,180 bytearray"; may be empty
};

Result<graph::Holders> holders_of(Context& context, GraphView& view);

NamedHolder name_holder(GraphView& view, const graph::Holder& holder);

// Where it hangs; of several objects side by side how many and of what type.
std::string holder_place(GraphView& view, const graph::Holder& holder);

// "app.CACHE" for sys.modules['app'].CACHE: a way as a program would write it.
std::string place_text(GraphView& view, graph::NodeId node);

// "functools.lru_cache, 500 of 500 (full: bounded)"; empty for what is no known cache.
std::string cache_text(GraphView& view, graph::NodeId node);

// number, place, what, bytes, percent, objects, type, address, root
std::vector<Column> holder_columns();
Table holder_table(GraphView& view, const std::vector<NamedHolder>& holders, std::uint64_t total);

// "  #1 app.CACHE      86.0": a line of the first screen, bytes in MiB.
std::string holder_line(std::string_view number, std::string_view text, std::uint64_t bytes);

// Holders that the first screen shows.
inline constexpr std::size_t kMostHolders = 3;

struct HolderLines {
  std::size_t most = kMostNumbered;
  bool native_apart = false;  // native blocks have a list of their own: one line for them here
  bool described = true;      // a second line each
};

// Adds WHO HOLDS IT to the first screen: the largest holders, code, the rest. Its rows are
// numbered.
Result<void> add_holders(Context& context, const HolderLines& lines, Report& report);

}  // namespace coreheap::commands
