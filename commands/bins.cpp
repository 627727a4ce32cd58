// `bins`: free lists of every arena.
#include "commands/commands.h"
#include "commands/glibc_reports.h"
#include "commands/screens.h"

namespace coreheap::commands {

namespace {

std::vector<Column> columns() {
  return {
      {"arena", "", ColumnType::identifier, "number of the arena"},
      {"bin", "", ColumnType::text, "tcache SIZE, fastbin K, unsorted, small N, large N"},
      {"family", "", ColumnType::text, "tcache, fastbin, unsorted, small, large", false},
      {"index", "", ColumnType::identifier, "glibc's number of the bin within its family", false},
      {"count", "", ColumnType::integer, "chunks in it"},
      {"bytes", "", ColumnType::bytes, "their bytes"},
      {"min_size", "smallest", ColumnType::integer, "smallest chunk, bytes"},
      {"max_size", "largest", ColumnType::integer, "largest chunk, bytes"},
  };
}

Result<Report> run(Context& context) {
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto heaps = glibc_heaps(context, **target);
  if (!heaps) return std::unexpected(heaps.error());

  Table table;
  table.columns = columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
  for (const NumberedArena& arena : numbered_arenas(**heaps)) {
    for (const BinLine& line : bins_of(arena)) {
      rows->add({Cell::of_count(arena.number), Cell::of_text(line.name), Cell::of_text(line.family),
                 Cell::of_count(line.index), Cell::of_count(line.count), Cell::of_count(line.bytes),
                 Cell::of_count(line.min_size), Cell::of_count(line.max_size)});
      count += line.count;
      bytes += line.bytes;
    }
  }
  table.rows = rows;
  table.totals = {{"count", Cell::of_count(count)}, {"bytes", Cell::of_count(bytes)}};
  Report report = report_on(**target);
  report.add("bins", "", std::move(table));
  report.next = {{"bins --sort bytes", "the fullest first"}, {"arenas", "sums by arena"}};
  return report;
}

}  // namespace

Command bins_command() {
  return {
      .name = "bins",
      .aliases = {},
      .summary = "glibc's free lists, by arena and bin",
      .description =
          "Non-empty bins only. A bin is a list of free chunks of one size or range of sizes; the\n"
          "top of an arena is in none of them.",
      .usage = "",
      .columns = columns(),
      .group = Group::allocators,
      .cost = Cost::allocators,
      .run = run};
}

}  // namespace coreheap::commands
