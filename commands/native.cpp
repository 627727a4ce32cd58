// `native`: native bytes by who holds them: the type of the object that they are charged to.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/graph_view.h"
#include "commands/screens.h"
#include "heapparse/graph/native_holders.h"

namespace coreheap::commands {

namespace {

using graph::NodeId;

std::vector<Column> columns() {
  return {
      {"holder", "", ColumnType::text, "type of the objects that hold them; else the root"},
      {"holders", "", ColumnType::integer, "objects of it that hold some"},
      {"blocks", "", ColumnType::integer, "native blocks"},
      {"bytes", "", ColumnType::bytes, "what they take"},
      {"buffers", "", ColumnType::bytes, "raw memory that the census knows to be its own besides"},
      {"example", "", ColumnType::address, "the largest block"},
  };
}

// Buffers whose owner is C code's: states of libraries, not tables of Python's containers.
bool is_native_buffer(census::Kind kind) {
  using census::Kind;
  switch (kind) {
    case Kind::stream_state:
    case Kind::ctypes_data:
    case Kind::object_buffer:
    case Kind::module_state:
    case Kind::python_lock:
    case Kind::io_buffer:
    case Kind::array_items:
    case Kind::bytearray_bytes:
      return true;
    default:
      return false;
  }
}

struct Sum {
  std::uint64_t holders = 0;
  std::uint64_t blocks = 0;
  std::uint64_t bytes = 0;
  std::uint64_t buffers = 0;
  NodeId largest = NodeId::none;
};

Result<Report> run(Context& context) {
  auto opened = GraphView::open(context);
  if (!opened) return std::unexpected(opened.error());
  GraphView& view = **opened;
  const graph::Graph& graph = view.graph();
  std::map<std::string, Sum> sums;
  std::vector<std::pair<std::string, NodeId>> seen;
  const auto found = graph::holders_of_native_blocks(view.sources(), graph, context.job);
  if (!found) return std::unexpected(found.error());
  const std::vector<NodeId>& holders = *found;
  for (std::uint32_t i = 0; i < holders.size(); ++i) {
    const NodeId id = holders[i];
    if (id == NodeId::none) continue;
    std::string name = view.type(id);
    if (graph.is_root(id)) name = "(" + std::string(graph::name_of(graph.root(id).kind)) + ")";
    Sum& sum = sums[name];
    ++sum.blocks;
    sum.bytes += graph.weight(NodeId{i});
    if (sum.largest == NodeId::none || graph.weight(NodeId{i}) > graph.weight(sum.largest)) {
      sum.largest = NodeId{i};
    }
    if (!graph.is_root(id)) seen.emplace_back(name, id);
  }
  const census::Rows& rows = view.census().rows;
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    const census::RowId row{i};
    if (rows.state(row) != census::State::used || rows.owner(row) == census::RowId::none) continue;
    if (!is_native_buffer(view.census().label_of(row).kind)) continue;
    const NodeId owner = graph.node(rows.owner(row));
    if (owner == NodeId::none) continue;
    Sum& sum = sums[view.type(owner)];
    sum.buffers += rows.size(row);
    seen.emplace_back(view.type(owner), owner);
  }
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  for (const auto& [name, id] : seen) ++sums[name].holders;

  std::vector<std::pair<std::string, Sum>> lines(sums.begin(), sums.end());
  std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) {
    return a.second.bytes + a.second.buffers > b.second.bytes + b.second.buffers;
  });
  Table table;
  table.columns = columns();
  auto shown = std::make_shared<FixedRows>(table.columns.size());
  Sum all;
  for (const auto& [name, sum] : lines) {
    shown->add({Cell::of_text(name),
                sum.holders == 0 ? Cell::absent() : Cell::of_count(sum.holders),
                Cell::of_count(sum.blocks), Cell::of_count(sum.bytes), Cell::of_count(sum.buffers),
                sum.largest == NodeId::none ? Cell::absent()
                                            : Cell::of_address(view.address(sum.largest))});
    all.blocks += sum.blocks;
    all.bytes += sum.bytes;
    all.buffers += sum.buffers;
  }
  table.rows = shown;
  table.totals = {{"blocks", Cell::of_count(all.blocks)},
                  {"bytes", Cell::of_count(all.bytes)},
                  {"buffers", Cell::of_count(all.buffers)}};
  Report report = report_on(view.target(), view.census());
  report.add("native", "", std::move(table));
  report.next = {{"orphans", "blocks that nothing points to, by size"},
                 {"sizes", "block sizes: which one stands out"}};
  return report;
}

}  // namespace

Command native_command() {
  return {
      .name = "native",
      .aliases = {},
      .summary = "native memory by the type of the objects that hold it",
      .description =
          "Each native block counts for one holder: the compressor whose window it is, the\n"
          "connection whose page cache it is. That a block is held is a matter of words that are\n"
          "its address (where there are none, of words into its middle), and some words are\n"
          "stale. So blocks that lead to each other count as one structure, and of a structure\n"
          "the objects of that package are the holders from which most words lead into it; each\n"
          "block is then the nearest one's. Blocks that no object leads to count for the root: C\n"
          "globals, stacks, or (orphan block), to which nothing points. Raw memory that the\n"
          "census knows to be an object's own (states of compressors, ctypes data, bytes of\n"
          "arrays) stands in a column beside.",
      .usage = "",
      .columns = columns(),
      .group = Group::holders,
      .cost = Cost::graph,
      .run = run};
}

}  // namespace coreheap::commands
