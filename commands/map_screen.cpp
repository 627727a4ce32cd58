// Cells as characters: fill by how dark they are, residency by a dot. Colour is never needed.
#include "commands/map_screen.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "commands/figures.h"
#include "commands/svg.h"

namespace coreheap::commands {

namespace {

using usage::MapCell;
using usage::RegionKind;

constexpr std::size_t kCells = 64;  // a row of the picture

char letter_of(RegionKind kind) {
  switch (kind) {
    case RegionKind::pymalloc:
      return 'p';
    case RegionKind::glibc:
      return 'g';
    case RegionKind::glibc_mmap:
      return 'm';
  }
  return ' ';
}

std::string_view name_of(RegionKind kind) {
  switch (kind) {
    case RegionKind::pymalloc:
      return "pymalloc";
    case RegionKind::glibc:
      return "glibc";
    case RegionKind::glibc_mmap:
      return "glibc-mmap";
  }
  return "";
}

double fill_of(const MapCell& cell) {
  return cell.mapped == 0 ? 0 : static_cast<double>(cell.live) / static_cast<double>(cell.mapped);
}

// Less than an eighth in RAM: nothing to gain or to lose there.
bool is_away(const MapCell& cell) { return cell.resident * 8 < cell.mapped; }

char character_of(const MapCell& cell) {
  if (cell.pinner) return '!';
  if (is_away(cell)) return '.';
  const double fill = fill_of(cell);
  return fill < 0.02 ? '_' : fill < 0.25 ? ':' : fill < 0.5 ? '+' : fill < 0.75 ? '*' : '#';
}

std::string colour_of(const MapCell& cell) {
  if (cell.mapped == 0) return "none";
  if (is_away(cell)) return "#e8e8e8";
  // From the colour of waste to that of use.
  const double fill = std::min(fill_of(cell), 1.0);
  const auto mix = [&](double empty, double full) {
    return static_cast<unsigned>(empty + (full - empty) * fill);
  };
  return fmt::format("#{:02x}{:02x}{:02x}", mix(0xf4, 0x1f), mix(0xa5, 0x5a), mix(0x82, 0x9c));
}

class CellRows final : public RowSource {
 public:
  explicit CellRows(std::vector<MapCell> cells) : cells_(std::move(cells)) {}
  std::uint64_t size() const override { return cells_.size(); }
  void fill(unsigned column, std::span<const std::uint64_t> rows, std::span<Cell> out,
            Texts&) const override {
    for (std::size_t i = 0; i < rows.size(); ++i) out[i] = cell(column, cells_[rows[i]]);
  }

 private:
  static Cell cell(unsigned column, const MapCell& c) {
    switch (column) {
      case 0:
        return Cell::of_address(c.begin);
      case 1:
        return Cell::of_text(name_of(c.kind));
      case 2:
        return Cell::of_count(c.mapped);
      case 3:
        return Cell::of_count(c.resident);
      case 4:
        return Cell::of_count(c.live);
      case 5:
        return Cell::of_count(c.free);
      case 6:
        return Cell::of_count(c.other);
      case 7:
        return Cell::of_number(fill_of(c) * 100);
      default:
        return Cell::of_boolean(c.pinner);
    }
  }
  std::vector<MapCell> cells_;
};

// Calls draw(begin of a row, its cells) for each row with any; gap() between rows that are not
// neighbours.
template <class Draw, class Gap>
void for_each_row(const usage::MemoryMap& map, Draw draw, Gap gap) {
  const std::uint64_t row_bytes = map.cell_bytes * kCells;
  std::size_t i = 0;
  Address last;
  while (i < map.cells.size()) {
    // Rows begin at multiples of their length, as far as one address is the start of all.
    const Address begin{map.cells[i].begin.value / row_bytes * row_bytes};
    std::size_t end = i;
    while (end < map.cells.size() && map.cells[end].begin.value - begin.value < row_bytes) ++end;
    if (i > 0 && begin != last + row_bytes) gap();
    draw(begin, std::span(map.cells).subspan(i, end - i));
    last = begin;
    i = end;
  }
}

}  // namespace

std::vector<Column> map_columns() {
  return {
      {"begin", "", ColumnType::address, "first byte of the cell"},
      {"allocator", "", ColumnType::text, "whose memory most of it is"},
      {"mapped", "", ColumnType::bytes, "bytes of the allocators in it"},
      {"resident", "", ColumnType::bytes, "of them in RAM"},
      {"live", "", ColumnType::bytes, "in blocks in use"},
      {"free", "", ColumnType::bytes, "in free and cached blocks"},
      {"other", "", ColumnType::bytes, "headers, slack"},
      {"fill", "", ColumnType::percent, "live of mapped"},
      {"pinner", "", ColumnType::boolean, "one of the largest pinners lies in it"},
  };
}

Table map_table(const usage::MemoryMap& map) {
  Table table;
  table.columns = map_columns();
  table.rows = std::make_shared<CellRows>(map.cells);
  MapCell all;
  for (const MapCell& c : map.cells) {
    all.mapped += c.mapped;
    all.resident += c.resident;
    all.live += c.live;
    all.free += c.free;
    all.other += c.other;
  }
  table.totals = {{"mapped", Cell::of_count(all.mapped)},
                  {"resident", Cell::of_count(all.resident)},
                  {"live", Cell::of_count(all.live)},
                  {"free", Cell::of_count(all.free)},
                  {"other", Cell::of_count(all.other)}};
  return table;
}

std::string map_screen(const usage::MemoryMap& map) {
  std::string text = fmt::format("One cell is {}, a row {}.\n", size_text(map.cell_bytes),
                                 size_text(map.cell_bytes * kCells));
  text +=
      "  # used over 75 %   * over 50   + over 25   : under 25   _ free, in RAM\n"
      "  . not in RAM       ! holds a pinner\n"
      "  at the end: p pymalloc   g glibc   m glibc, a mapping of its own\n\n";
  if (!map.resident_known) {
    text += "Which pages were in RAM is not known: all count as if they were.\n\n";
  }
  for_each_row(
      map,
      [&](Address begin, std::span<const MapCell> cells) {
        std::string line(kCells, ' ');
        char letter = letter_of(cells.front().kind);
        for (const MapCell& c : cells) {
          line[(c.begin - begin) / map.cell_bytes] = character_of(c);
        }
        text += fmt::format("{:<15}{}{}\n", hex_text(begin), line, letter);
      },
      [&] { text += "  ...\n"; });
  if (map.cells.empty()) text += "(nothing)\n";
  return text;
}

std::string map_picture(const usage::MemoryMap& map, std::string_view title) {
  constexpr double kSide = 11;
  constexpr double kLeft = 120;
  std::size_t rows = 0;
  std::size_t gaps = 0;
  for_each_row(
      map, [&](Address, std::span<const MapCell>) { ++rows; }, [&] { ++gaps; });
  const auto height =
      static_cast<unsigned>(70 + kSide * static_cast<double>(rows) + 6 * static_cast<double>(gaps));
  Svg svg(static_cast<unsigned>(kLeft + kSide * kCells + 30), height);
  svg.text(10, 18, fmt::format("{}: one cell is {}", title, size_text(map.cell_bytes)));
  double x = 10;
  for (const auto& [colour, what] :
       {std::pair<std::string_view, std::string_view>{"#1f5a9c", "used"},
        {"#f4a582", "free, in RAM"},
        {"#e8e8e8", "not in RAM"}}) {
    svg.rectangle(x, 28, 10, 10, colour);
    svg.text(x + 14, 37, what);
    x += 110;
  }
  double y = 50;
  for_each_row(
      map,
      [&](Address begin, std::span<const MapCell> cells) {
        svg.text(kLeft - 8, y + 9, hex_text(begin), "end");
        for (const MapCell& c : cells) {
          const double at = kLeft + kSide * static_cast<double>((c.begin - begin) / map.cell_bytes);
          svg.rectangle(
              at, y, kSide - 1, kSide - 1, colour_of(c),
              fmt::format("{} {}: {} live, {} resident of {}", hex_text(c.begin), name_of(c.kind),
                          size_text(c.live), size_text(c.resident), size_text(c.mapped)));
          if (c.pinner) svg.rectangle(at + 3, y + 3, 4, 4, "#cc0000");
        }
        y += kSide;
      },
      [&] { y += 6; });
  return svg.finish();
}

std::string pool_screen(const census::Census& census, const pymalloc::Geometry& geometry,
                        const pymalloc::Pool& pool) {
  const std::uint32_t block = geometry.block_bytes(pool.size_class);
  std::string text = fmt::format(
      "Pool {}: blocks of {} bytes, {} live. One cell is a block.\n"
      "  # live object   b live buffer   u live, unnamed   c cached   . free\n\n",
      hex_text(pool.address), block, pool.live);
  const AddressRange range{pool.address, pool.address + geometry.pool_bytes};
  const auto addresses = census.rows.addresses();
  auto row = static_cast<std::size_t>(
      std::lower_bound(addresses.begin(), addresses.end(), range.begin.value) - addresses.begin());
  std::size_t column = 0;
  for (; row < addresses.size() && addresses[row] < range.end.value; ++row) {
    const census::RowId id{static_cast<std::uint32_t>(row)};
    const census::State state = census.rows.state(id);
    char c = '.';
    if (state == census::State::cached) c = 'c';
    if (state == census::State::used) {
      c = census.rows.holds_object(id) ? '#' : census.domain_of(id) == "cpython" ? 'b' : 'u';
    }
    // What was never handed out is one row.
    const std::uint64_t count =
        block == 0 ? 1 : std::max<std::uint64_t>(1, census.rows.size(id) / block);
    for (std::uint64_t k = 0; k < count; ++k) {
      if (column == 0) text += fmt::format("{:<15}", hex_text(census.rows.address(id) + k * block));
      text += c;
      if (++column == kCells) {
        text += '\n';
        column = 0;
      }
    }
  }
  return text + (column == 0 ? "" : "\n");
}

}  // namespace coreheap::commands
