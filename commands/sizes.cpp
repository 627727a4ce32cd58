// `sizes`: blocks by size. A size that stands out, with few free, is often one structure that
// leaks.
#include <algorithm>
#include <map>
#include <unordered_map>

#include "commands/commands.h"
#include "commands/screens.h"

namespace coreheap::commands {

namespace {

struct SizeSum {
  std::uint64_t count[3] = {};  // by state
  std::uint64_t all() const { return count[0] + count[1] + count[2]; }
};

std::vector<Column> columns() {
  return {
      {"allocator", "", ColumnType::text, "glibc, glibc-mmap, pymalloc, other"},
      {"block_size", "block bytes", ColumnType::integer,
       "chunk size of glibc, size class of pymalloc"},
      {"used", "", ColumnType::integer, "blocks in use"},
      {"cached", "", ColumnType::integer, "blocks in a tcache, fastbin or free list"},
      {"free", "", ColumnType::integer, "free blocks"},
      {"used_bytes", "in use", ColumnType::bytes, "bytes of those in use"},
      {"total_bytes", "all", ColumnType::bytes, "bytes of all of them"},
  };
}

Result<Report> run(Context& context) {
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto stage = (*target)->census(context.job);
  if (!stage) return std::unexpected(stage.error());
  const census::Census& census = **stage;

  using Key = std::pair<census::Allocator, std::uint64_t>;
  struct Line {
    Key key;
    SizeSum sum;
  };
  // Small sizes, nearly all blocks, by index; large ones in a table.
  constexpr std::uint64_t kSmall = 4096;
  constexpr std::size_t kAllocators = 8;
  std::vector<SizeSum> small(kAllocators * kSmall);
  std::unordered_map<std::uint64_t, SizeSum> large[kAllocators];
  for (std::uint32_t i = 0; i < census.rows.size(); ++i) {
    const census::RowId id{i};
    const census::Allocator allocator = census.rows.allocator(id);
    if (allocator == census::Allocator::static_object) continue;
    const auto a = static_cast<std::size_t>(allocator);
    const std::uint64_t size = census.rows.size(id);
    SizeSum& sum = size < kSmall ? small[a * kSmall + size] : large[a][size];
    ++sum.count[static_cast<std::size_t>(census.rows.state(id))];
  }
  std::vector<Line> lines;
  for (std::size_t a = 0; a < kAllocators; ++a) {
    const auto allocator = static_cast<census::Allocator>(a);
    for (std::uint64_t size = 0; size < kSmall; ++size) {
      const SizeSum& sum = small[a * kSmall + size];
      if (sum.all() > 0) lines.push_back({{allocator, size}, sum});
    }
    for (const auto& [size, sum] : large[a]) lines.push_back({{allocator, size}, sum});
  }
  std::sort(lines.begin(), lines.end(), [](const Line& x, const Line& y) {
    const std::uint64_t a = x.sum.all() * x.key.second;
    const std::uint64_t b = y.sum.all() * y.key.second;
    return a != b ? a > b : x.key < y.key;
  });

  Table table;
  table.columns = columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  std::uint64_t totals[5] = {};
  for (const Line& line : lines) {
    const auto& count = line.sum.count;
    const std::uint64_t size = line.key.second;
    const std::uint64_t used = count[static_cast<std::size_t>(census::State::used)];
    const std::uint64_t free = count[static_cast<std::size_t>(census::State::free)];
    const std::uint64_t cached = count[static_cast<std::size_t>(census::State::cached)];
    const std::uint64_t figures[5] = {used, cached, free, used * size, line.sum.all() * size};
    rows->add({Cell::of_text(census::name_of(line.key.first)), Cell::of_count(size),
               Cell::of_count(used), Cell::of_count(cached), Cell::of_count(free),
               Cell::of_count(figures[3]), Cell::of_count(figures[4])});
    for (std::size_t i = 0; i < 5; ++i) totals[i] += figures[i];
  }
  table.rows = rows;
  for (std::size_t i = 0; i < 5; ++i) {
    table.totals.emplace_back(table.columns[i + 2].name, Cell::of_count(totals[i]));
  }
  Report report = report_on(**target, census);
  report.add("sizes", "", std::move(table));
  report.next = {{"used", "what the blocks hold"},
                 {"sizes --sort used", "the most numerous first"}};
  return report;
}

}  // namespace

Command sizes_command() {
  return {
      .name = "sizes",
      .aliases = {},
      .summary = "blocks by size: chunks of glibc, size classes of pymalloc",
      .description =
          "One line an allocator and block size, most bytes first. Sizes are what the allocator\n"
          "takes: a glibc chunk with its header, a whole pymalloc block.",
      .usage = "",
      .columns = columns(),
      .group = Group::where,
      .run = run};
}

}  // namespace coreheap::commands
