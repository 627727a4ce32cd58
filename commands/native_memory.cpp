#include "commands/native_memory.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "commands/figures.h"
#include "commands/holder_lists.h"

namespace coreheap::commands {

namespace {

using graph::NodeId;

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

// Data of files by the file; stacks and the like by what they are.
std::string root_name(const graph::Root& root) {
  const bool file = root.kind == graph::RootKind::c_globals;
  return "(" + (file ? root.name : std::string(graph::name_of(root.kind))) + ")";
}

class Lines {
 public:
  explicit Lines(const GraphView& view) : view_(view) {}

  NativeHolder& of(NodeId holder) {
    const auto [at, fresh] = by_holder_.try_emplace(graph::index_of(holder), 0);
    if (fresh) {
      const graph::Graph& graph = view_.graph();
      const bool root = graph.is_root(holder);
      std::string name = root ? root_name(graph.root(holder)) : view_.type(holder);
      const auto [line, new_line] =
          by_name_.try_emplace(name, static_cast<std::uint32_t>(lines_.size()));
      if (new_line) {
        lines_.emplace_back().name = std::move(name);
        sizes_.emplace_back();
      }
      at->second = line->second;
      if (!root) ++lines_[at->second].objects;
    }
    return lines_[at->second];
  }

  void add_block(NodeId holder, NodeId block) {
    NativeHolder& line = of(holder);
    const std::uint64_t bytes = view_.graph().weight(block);
    ++line.blocks;
    line.bytes += bytes;
    if (line.largest == NodeId::none || bytes > view_.graph().weight(line.largest)) {
      line.largest = block;
    }
    ++sizes_[static_cast<std::size_t>(&line - lines_.data())][bytes];
  }

  std::vector<NativeHolder> take() {
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      NativeHolder& line = lines_[i];
      for (const auto& [size, count] : sizes_[i]) {
        const std::uint64_t bytes = size * count;
        const std::uint64_t most = line.top_size * line.top_blocks;
        if (bytes < most || (bytes == most && size < line.top_size)) continue;
        line.top_size = size;
        line.top_blocks = count;
      }
    }
    std::sort(lines_.begin(), lines_.end(), [](const NativeHolder& a, const NativeHolder& b) {
      const std::uint64_t of_a = a.bytes + a.buffers;
      const std::uint64_t of_b = b.bytes + b.buffers;
      return of_a != of_b ? of_a > of_b : a.name < b.name;
    });
    return std::move(lines_);
  }

 private:
  const GraphView& view_;
  std::vector<NativeHolder> lines_;
  std::vector<std::unordered_map<std::uint64_t, std::uint64_t>> sizes_;  // by line
  std::unordered_map<std::uint32_t, std::uint32_t> by_holder_;
  std::unordered_map<std::string, std::uint32_t> by_name_;
};

std::string counted(std::uint64_t n) { return with_thousands(static_cast<std::int64_t>(n)); }

std::string described(const NativeHolder& line) {
  std::string text = line.name;
  if (line.objects > 1) text += " x " + counted(line.objects);
  const std::string blocks = counted(line.blocks) + (line.blocks == 1 ? " block" : " blocks");
  text += ": " + blocks;
  if (line.top_blocks == line.blocks) return text + " of " + size_text(line.top_size);
  const bool most = line.top_size * line.top_blocks * 2 > line.bytes;
  return most ? text + ", most of " + size_text(line.top_size) : text;
}

}  // namespace

Result<NativeMemory> native_memory(Context& context, GraphView& view) {
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto dominators = (*target)->dominators(context.job);
  if (!dominators) return std::unexpected(dominators.error());
  const graph::Graph& graph = view.graph();
  const auto found =
      graph::holders_of_native_blocks(view.sources(), graph, **dominators, context.job);
  if (!found) return std::unexpected(found.error());
  const std::vector<NodeId>& holders = *found;
  const census::Rows& rows = view.census().rows;
  NativeMemory memory;
  memory.owned.resize(rows.size());
  Lines lines(view);
  for (std::uint32_t i = 0; i < holders.size(); ++i) {
    if (holders[i] == NodeId::none) continue;
    lines.add_block(holders[i], NodeId{i});
    if (!graph.is_root(holders[i])) memory.owned[census::index_of(graph.row(NodeId{i}))] = true;
  }
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    const census::RowId row{i};
    if (rows.state(row) != census::State::used || rows.owner(row) == census::RowId::none) continue;
    if (!is_native_buffer(view.census().label_of(row).kind)) continue;
    const NodeId owner = graph.node(rows.owner(row));
    if (owner != NodeId::none) lines.of(owner).buffers += rows.size(row);
  }
  memory.holders = lines.take();
  return memory;
}

std::vector<Column> native_columns() {
  return {
      {"holder", "", ColumnType::text, "type of the objects that hold them; else the root"},
      {"holders", "", ColumnType::integer, "objects of it that hold some"},
      {"blocks", "", ColumnType::integer, "native blocks"},
      {"bytes", "", ColumnType::bytes, "what they take"},
      {"buffers", "", ColumnType::bytes, "raw memory that the census knows to be its own besides"},
      {"top_size", "", ColumnType::bytes, "the size that most of the bytes come in"},
      {"top_blocks", "", ColumnType::integer, "blocks of that size"},
      {"example", "", ColumnType::address, "the largest block"},
  };
}

Table native_table(const GraphView& view, const NativeMemory& memory) {
  Table table;
  table.columns = native_columns();
  auto shown = std::make_shared<FixedRows>(table.columns.size());
  NativeHolder all;
  for (const NativeHolder& line : memory.holders) {
    const bool blocks = line.blocks != 0;
    shown->add({Cell::of_text(line.name),
                line.objects == 0 ? Cell::absent() : Cell::of_count(line.objects),
                Cell::of_count(line.blocks), Cell::of_count(line.bytes),
                Cell::of_count(line.buffers),
                blocks ? Cell::of_count(line.top_size) : Cell::absent(),
                blocks ? Cell::of_count(line.top_blocks) : Cell::absent(),
                blocks ? Cell::of_address(view.address(line.largest)) : Cell::absent()});
    all.blocks += line.blocks;
    all.bytes += line.bytes;
    all.buffers += line.buffers;
  }
  table.rows = shown;
  table.totals = {{"blocks", Cell::of_count(all.blocks)},
                  {"bytes", Cell::of_count(all.bytes)},
                  {"buffers", Cell::of_count(all.buffers)}};
  return table;
}

void add_native_holders(const GraphView& view, const NativeMemory& memory, std::size_t most,
                        Report& report) {
  // By blocks alone: buffers are a line of the table above.
  std::vector<const NativeHolder*> order;
  for (const NativeHolder& line : memory.holders) {
    if (line.blocks != 0) order.push_back(&line);
  }
  std::stable_sort(order.begin(), order.end(), [](const NativeHolder* a, const NativeHolder* b) {
    return a->bytes > b->bytes;
  });
  std::string screen = fmt::format("WHOSE NATIVE MEMORY   {:<55}{:>3}\n", "", "MiB");
  std::uint64_t rest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i < most) {
      screen += holder_line("", described(*order[i]), order[i]->bytes);
    } else {
      rest += order[i]->bytes;
    }
  }
  if (order.size() > most) screen += holder_line("", "everything else", rest);
  report.add("native", "", native_table(view, memory)).screen = std::move(screen);
}

}  // namespace coreheap::commands
