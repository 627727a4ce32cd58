// `arena N`: one arena in full.
#include <fmt/format.h>

#include <map>

#include "commands/commands.h"
#include "commands/glibc_reports.h"
#include "commands/screens.h"

namespace coreheap::commands {

namespace {

std::vector<Column> columns() {
  return {
      {"begin", "", ColumnType::address, "first byte of the segment"},
      {"end", "", ColumnType::address, "behind its last byte"},
      {"size", "", ColumnType::bytes, "end - begin"},
      {"accessible_end", "accessible to", ColumnType::address, "end of its readable part"},
      {"source", "", ColumnType::text, "heap_info, or sbrk and mmap of the main arena"},
  };
}

Table segment_table(const NumberedArena& arena) {
  Table table;
  table.columns = columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  std::uint64_t bytes = 0;
  for (const glibc::Segment& segment : arena.heap->segments) {
    if (segment.arena != arena.index) continue;
    rows->add({Cell::of_address(segment.range.begin), Cell::of_address(segment.range.end),
               Cell::of_count(segment.range.size()), Cell::of_address(segment.mprotect_end),
               Cell::of_text(segment.is_heap_info ? "heap_info" : "sbrk")});
    bytes += segment.range.size();
  }
  table.rows = rows;
  table.totals = {{"size", Cell::of_count(bytes)}};
  return table;
}

Table bin_table(const NumberedArena& arena) {
  Table table;
  table.columns = {{"bin", "", ColumnType::text, ""},
                   {"count", "", ColumnType::integer, ""},
                   {"bytes", "", ColumnType::bytes, ""},
                   {"min_size", "smallest", ColumnType::integer, ""},
                   {"max_size", "largest", ColumnType::integer, ""}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const BinLine& line : bins_of(arena)) {
    if (line.family == "tcache") continue;
    rows->add({Cell::of_text(line.name), Cell::of_count(line.count), Cell::of_count(line.bytes),
               Cell::of_count(line.min_size), Cell::of_count(line.max_size)});
  }
  table.rows = rows;
  return table;
}

// By thread: chunks of this arena that its tcache keeps.
Table tcache_table(const NumberedArena& arena) {
  struct Sum {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
  };
  std::map<std::uint32_t, Sum> sums;
  for (const glibc::Chunk& chunk : arena.heap->chunks) {
    const bool cached =
        chunk.state == glibc::ChunkState::tcache || chunk.state == glibc::ChunkState::tcache_orphan;
    if (!cached || chunk.arena != arena.index) continue;
    Sum& sum = sums[chunk.thread];
    ++sum.count;
    sum.bytes += chunk.size;
  }
  Table table;
  table.columns = {{"tid", "thread", ColumnType::identifier, ""},
                   {"address", "tcache", ColumnType::address, ""},
                   {"count", "", ColumnType::integer, ""},
                   {"bytes", "", ColumnType::bytes, ""}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const auto& [thread, sum] : sums) {
    const bool known = thread < arena.heap->tcaches.size();
    const glibc::Tcache* tcache = known ? &arena.heap->tcaches[thread] : nullptr;
    rows->add({tcache != nullptr && tcache->tid ? Cell::of_count(*tcache->tid) : Cell(),
               tcache != nullptr ? Cell::of_address(tcache->address) : Cell(),
               Cell::of_count(sum.count), Cell::of_count(sum.bytes)});
  }
  table.rows = rows;
  return table;
}

KeyValues state_values(const NumberedArena& numbered) {
  const glibc::Arena& a = numbered.arena();
  KeyValues values;
  values.identifier("arena", numbered.number);
  values.address("address", a.address);
  values.boolean("main", a.is_main);
  values.boolean("locked", a.locked);
  values.boolean("non_contiguous", a.non_contiguous, "non-contiguous");
  values.count("threads", a.attached_threads);
  values.count("used_count", a.used_count, "chunks in use");
  values.bytes("used_bytes", a.used_bytes, "in use");
  values.count("tcache_count", a.tcache_count, "chunks in tcaches");
  values.bytes("tcache_bytes", a.tcache_bytes, "in tcaches");
  values.address("top", a.top);
  values.bytes("top_bytes", a.top_bytes, "top");
  values.bytes("overhead_bytes", a.overhead_bytes, "overhead");
  return values;
}

// The figures that malloc_info(3) prints, in the form it has had since glibc 2.31. Its sizes of
// free chunks are summed with the "previous in use" bit still in, one byte a chunk; it has no
// figure for tcaches.
KeyValues malloc_info_values(const NumberedArena& numbered) {
  const glibc::Arena& a = numbered.arena();
  KeyValues values;
  values.count("fast_count", a.fastbin_count, "fast count");
  values.count("fast_size", a.fastbin_bytes, "fast size");
  values.count("rest_count", a.bin_count + 1, "rest count");
  values.count("rest_size", a.bin_bytes + a.bin_count + a.top_bytes, "rest size");
  values.count("system_current", a.system_bytes, "system current");
  values.count("system_max", a.max_system_bytes, "system max");
  if (a.is_main) {
    values.count("aspace_total", a.system_bytes, "aspace total");
    values.count("aspace_mprotect", a.system_bytes, "aspace mprotect");
    return values;
  }
  std::uint64_t total = 0;
  for (const glibc::Segment& segment : numbered.heap->segments) {
    if (segment.arena == numbered.index && segment.is_heap_info) total += segment.range.size();
  }
  values.count("aspace_total", total, "aspace total");
  values.count("aspace_mprotect", a.mprotect_bytes, "aspace mprotect");
  values.count("subheaps", a.segments);
  return values;
}

Result<Report> run(Context& context) {
  const auto number = parse_number(context.arguments.words[0], "arena");
  if (!number) return std::unexpected(number.error());
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto heaps = glibc_heaps(context, **target);
  if (!heaps) return std::unexpected(heaps.error());
  const std::vector<NumberedArena> arenas = numbered_arenas(**heaps);
  if (*number >= arenas.size()) {
    return fail(ErrorCode::no_such_arena, fmt::format("arena {}", *number),
                arenas.size() == 1 ? "there is only arena 0"
                                   : fmt::format("there are arenas 0 to {}", arenas.size() - 1),
                context.session.prefix + "arenas");
  }
  const NumberedArena& arena = arenas[*number];
  Report report = report_on(**target);
  report.result_address = arena.arena().address;
  report.add("state", fmt::format("ARENA {}", *number), state_values(arena));
  report.add("malloc_info", "AS malloc_info PRINTS IT", malloc_info_values(arena));
  report.main_name = "segments";
  report.add("segments", "SEGMENTS", segment_table(arena));
  report.add("bins", "BINS", bin_table(arena));
  report.add("tcaches", "TCACHES", tcache_table(arena));
  report.next = {{"arenas", "all arenas"}, {"bins --sort bytes", "the fullest bins of all"}};
  return report;
}

}  // namespace

Command arena_command() {
  return {.name = "arena",
          .aliases = {},
          .summary = "one glibc arena: segments, bins, tcaches, malloc_info's figures",
          .description = "N is the number that `arenas` prints. The main table is its segments.",
          .usage = "N",
          .min_words = 1,
          .max_words = 1,
          .columns = columns(),
          .group = Group::allocators,
          .cost = Cost::allocators,
          .run = run};
}

}  // namespace coreheap::commands
