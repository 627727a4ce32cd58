// `pymalloc`: CPython's small-object allocator, by size class.
#include <fmt/format.h>

#include <map>

#include "commands/commands.h"
#include "commands/screens.h"

namespace coreheap::commands {

namespace {

std::vector<Column> columns() {
  return {
      {"class", "", ColumnType::identifier, "number of the size class"},
      {"block_size", "block", ColumnType::integer, "bytes of its blocks"},
      {"pools", "", ColumnType::integer, "pools with a live block"},
      {"live", "", ColumnType::integer, "blocks handed out"},
      {"free", "", ColumnType::integer, "blocks given back"},
      {"virgin", "", ColumnType::integer, "blocks never handed out"},
      {"live_bytes", "live bytes", ColumnType::bytes, "bytes of the live ones"},
      {"free_bytes", "free bytes", ColumnType::bytes, "bytes of the others"},
      {"fill", "", ColumnType::percent, "live of all blocks"},
  };
}

struct ClassSum {
  std::uint64_t pools = 0;
  std::uint64_t live = 0;
  std::uint64_t free = 0;
  std::uint64_t virgin = 0;
};

Cell percent_of(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return Cell::absent();
  return Cell::of_number(100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

Table class_table(const pymalloc::PymallocHeap& heap) {
  std::map<std::uint32_t, ClassSum> classes;
  for (const pymalloc::Pool& pool : heap.pools) {
    const std::uint32_t block = heap.geometry.block_bytes(pool.size_class);
    if (block == 0 || heap.geometry.pool_bytes < pymalloc::Geometry::kPoolHeaderBytes) continue;
    const std::uint64_t capacity =
        (heap.geometry.pool_bytes - pymalloc::Geometry::kPoolHeaderBytes) / block;
    ClassSum& sum = classes[pool.size_class];
    ++sum.pools;
    sum.live += pool.live;
    // Damaged headers may claim anything.
    sum.free += pool.carved > pool.live ? pool.carved - pool.live : 0;
    sum.virgin += capacity > pool.carved ? capacity - pool.carved : 0;
  }
  Table table;
  table.columns = columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  ClassSum all;
  std::uint64_t live_bytes = 0;
  std::uint64_t free_bytes = 0;
  for (const auto& [index, sum] : classes) {
    const std::uint64_t block = heap.geometry.block_bytes(index);
    const std::uint64_t others = sum.free + sum.virgin;
    rows->add({Cell::of_count(index), Cell::of_count(block), Cell::of_count(sum.pools),
               Cell::of_count(sum.live), Cell::of_count(sum.free), Cell::of_count(sum.virgin),
               Cell::of_count(sum.live * block), Cell::of_count(others * block),
               percent_of(sum.live, sum.live + others)});
    all.pools += sum.pools;
    all.live += sum.live;
    all.free += sum.free;
    all.virgin += sum.virgin;
    live_bytes += sum.live * block;
    free_bytes += others * block;
  }
  table.rows = rows;
  table.totals = {{"pools", Cell::of_count(all.pools)},
                  {"live", Cell::of_count(all.live)},
                  {"free", Cell::of_count(all.free)},
                  {"virgin", Cell::of_count(all.virgin)},
                  {"live_bytes", Cell::of_count(live_bytes)},
                  {"free_bytes", Cell::of_count(free_bytes)},
                  {"fill", percent_of(live_bytes, live_bytes + free_bytes)}};
  table.cut_as_text = false;  // at most 64 lines, and they are the answer
  return table;
}

KeyValues summary(const pymalloc::PymallocHeap& heap) {
  std::uint64_t bytes = 0;
  std::uint64_t used = 0;
  std::uint64_t free = 0;
  for (const pymalloc::Arena& arena : heap.arenas) {
    bytes += arena.range.size();
    used += arena.pools_used;
    free += arena.pools_free;
  }
  KeyValues values;
  values.bytes("arena_bytes", heap.geometry.arena_bytes, "bytes of an arena");
  values.bytes("pool_bytes", heap.geometry.pool_bytes, "bytes of a pool");
  values.count("alignment", heap.geometry.alignment);
  values.count("arenas", heap.arenas.size());
  values.bytes("arenas_bytes", bytes, "in arenas");
  values.count("pools_used", used, "pools in use");
  values.count("pools_free", free, "free pools");
  values.bytes("pools_free_bytes", free * heap.geometry.pool_bytes, "in free pools");
  values.count("live_blocks", heap.live_blocks, "live blocks");
  values.bytes("live_bytes", heap.live_bytes, "in live blocks");
  values.bytes("kPoolHeaderBytes", used * pymalloc::Geometry::kPoolHeaderBytes, "pool headers");
  return values;
}

Table arena_table(const pymalloc::PymallocHeap& heap) {
  Table table;
  table.columns = {{"address", "arena", ColumnType::address, ""},
                   {"size", "", ColumnType::bytes, ""},
                   {"pools", "", ColumnType::integer, ""},
                   {"pools_used", "used", ColumnType::integer, ""},
                   {"pools_free", "free", ColumnType::integer, ""},
                   {"live_blocks", "live blocks", ColumnType::integer, ""},
                   {"live_bytes", "live bytes", ColumnType::bytes, ""},
                   {"fill", "", ColumnType::percent, ""}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const pymalloc::Arena& arena : heap.arenas) {
    rows->add({Cell::of_address(arena.range.begin), Cell::of_count(arena.range.size()),
               Cell::of_count(arena.pools_total), Cell::of_count(arena.pools_used),
               Cell::of_count(arena.pools_free), Cell::of_count(arena.live_blocks),
               Cell::of_count(arena.live_bytes), percent_of(arena.live_bytes, arena.range.size())});
  }
  table.rows = rows;
  // The emptiest arenas are the interesting ones: what lives there keeps them.
  table.order = sorted_rows(table, 7, false);
  return table;
}

Table free_list_table(const census::Census& census) {
  struct Sum {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
  };
  std::map<std::pair<std::string_view, std::string_view>, Sum> sums;
  for (std::uint32_t i = 0; i < census.rows.size(); ++i) {
    const census::RowId id{i};
    if (census.rows.state(id) != census::State::cached) continue;
    const census::Label& label = census.label_of(id);
    if (census::info_of(label.kind).domain == "free") continue;  // tcache and fastbins are glibc's
    const census::TypeId type = census.rows.type(id);
    const std::string_view what = type != census::TypeId::none
                                      ? std::string_view(census.types[census::index_of(type)].name)
                                      : std::string_view(label.detail);
    Sum& sum = sums[{census::info_of(label.kind).kind, what}];
    ++sum.count;
    sum.bytes += census.rows.size(id);
  }
  Table table;
  table.columns = {{"kind", "", ColumnType::text, ""},
                   {"what", "", ColumnType::text, ""},
                   {"count", "", ColumnType::integer, ""},
                   {"bytes", "", ColumnType::bytes, ""}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const auto& [key, sum] : sums) {
    rows->add({Cell::of_text(key.first), key.second.empty() ? Cell() : Cell::of_text(key.second),
               Cell::of_count(sum.count), Cell::of_count(sum.bytes)});
  }
  table.rows = rows;
  return table;
}

Result<Report> run(Context& context) {
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto heap = (*target)->pymalloc(context.job);
  if (!heap) return std::unexpected(heap.error());
  if ((*heap)->arenas.empty()) {
    return fail(ErrorCode::no_allocator, (*target)->image().source,
                "no pymalloc was found (PYTHONMALLOC=malloc, or not a CPython)",
                context.session.prefix + "info");
  }
  const auto census = (*target)->census(context.job);
  if (!census) return std::unexpected(census.error());
  Report report = report_on(**target, **census);
  report.main_name = "classes";
  report.add("summary", "PYMALLOC", summary(**heap));
  report.add("classes", "SIZE CLASSES", class_table(**heap));
  report.add("arenas", "ARENAS, the emptiest first", arena_table(**heap));
  report.add("free_lists", "FREE LISTS of CPython", free_list_table(**census));
  report.next = {{"pymalloc --limit all", "every arena"},
                 {"sizes", "glibc's chunks too"},
                 {"free", "free blocks by kind"}};
  return report;
}

}  // namespace

Command pymalloc_command() {
  return {
      .name = "pymalloc",
      .aliases = {},
      .summary = "pymalloc's size classes, arenas, pools, and free lists",
      .description =
          "pymalloc cuts arenas into pools and pools into blocks of one size class. An arena goes\n"
          "back to the system only when no block in it lives. A block on a free list of CPython "
          "is\n"
          "live to pymalloc and dead to Python.",
      .usage = "",
      .columns = columns(),
      .group = Group::allocators,
      .run = run};
}

}  // namespace coreheap::commands
