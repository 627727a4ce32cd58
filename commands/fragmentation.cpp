// `fragmentation`: what is free inside allocators, what holds it there, what would give it back.
#include <fmt/format.h>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/free_memory_screens.h"
#include "commands/pinner_rows.h"
#include "commands/rss_tables.h"
#include "commands/screens.h"
#include "heapparse/usage/free_memory.h"
#include "heapparse/usage/heap_ends.h"
#include "heapparse/usage/pinners.h"

namespace coreheap::commands {

namespace {

constexpr std::size_t kSingles = 20;

Table size_table(const usage::FreeMemory& memory) {
  Table table;
  table.columns = {{"min_size", "chunks from", ColumnType::bytes, ""},
                   {"count", "", ColumnType::integer, ""},
                   {"bytes", "", ColumnType::bytes, ""},
                   {"resident", "", ColumnType::bytes, ""},
                   {"trimmable", "", ColumnType::bytes, ""}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  usage::FreeSizes all;
  for (const usage::GlibcSpace& space : memory.glibc) {
    for (const usage::FreeSizes& line : space.sizes) {
      rows->add({Cell::of_count(line.min_size), Cell::of_count(line.count),
                 Cell::of_count(line.bytes), Cell::of_count(line.resident),
                 Cell::of_count(line.trimmable)});
      all.count += line.count;
      all.bytes += line.bytes;
      all.resident += line.resident;
      all.trimmable += line.trimmable;
    }
  }
  table.rows = rows;
  table.totals = {{"count", Cell::of_count(all.count)},
                  {"bytes", Cell::of_count(all.bytes)},
                  {"resident", Cell::of_count(all.resident)},
                  {"trimmable", Cell::of_count(all.trimmable)}};
  table.cut_as_text = false;
  return table;
}

Table class_table(const usage::PoolFill& fill) {
  Table table;
  table.columns = {{"block_size", "block", ColumnType::integer, ""},
                   {"to_quarter", "<25 %", ColumnType::integer, ""},
                   {"to_half", "<50 %", ColumnType::integer, ""},
                   {"to_three_quarters", "<75 %", ColumnType::integer, ""},
                   {"below_full", "<100 %", ColumnType::integer, ""},
                   {"full", "", ColumnType::integer, ""},
                   {"live", "live blocks", ColumnType::integer, ""},
                   {"free_bytes", "free", ColumnType::bytes, ""}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  std::array<std::uint64_t, usage::kFillSteps> pools{};
  std::uint64_t live = 0;
  std::uint64_t free = 0;
  for (const usage::ClassFill& line : fill.classes) {
    rows->add({Cell::of_count(line.block_bytes), Cell::of_count(line.pools[0]),
               Cell::of_count(line.pools[1]), Cell::of_count(line.pools[2]),
               Cell::of_count(line.pools[3]), Cell::of_count(line.pools[4]),
               Cell::of_count(line.live), Cell::of_count(line.free_bytes())});
    for (std::size_t i = 0; i < pools.size(); ++i) pools[i] += line.pools[i];
    live += line.live;
    free += line.free_bytes();
  }
  table.rows = rows;
  table.totals = {{"to_quarter", Cell::of_count(pools[0])},
                  {"to_half", Cell::of_count(pools[1])},
                  {"to_three_quarters", Cell::of_count(pools[2])},
                  {"below_full", Cell::of_count(pools[3])},
                  {"full", Cell::of_count(pools[4])},
                  {"live", Cell::of_count(live)},
                  {"free_bytes", Cell::of_count(free)}};
  // Those with most to gain.
  table.order = sorted_rows(table, 7, true);
  return table;
}

Table freed_if_table(const usage::PoolFill& fill) {
  Table table;
  table.columns = {{"objects", "", ColumnType::integer, ""},
                   {"arenas", "", ColumnType::integer, ""},
                   {"bytes", "", ColumnType::bytes, ""}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const usage::FreedIf& step : fill.freed_if) {
    rows->add(
        {Cell::of_count(step.objects), Cell::of_count(step.arenas), Cell::of_count(step.bytes)});
  }
  table.rows = rows;
  return table;
}

Table page_table(const std::vector<glibc::MallocHeap>& heaps, const usage::FreeMemory& memory) {
  Table table;
  table.columns = {
      {"begin", "", ColumnType::address, ""},    {"end", "", ColumnType::address, ""},
      {"size", "", ColumnType::bytes, ""},       {"resident", "", ColumnType::bytes, ""},
      {"arena", "", ColumnType::identifier, ""}, {"how", "", ColumnType::text, ""}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  std::uint64_t bytes = 0;
  std::uint64_t resident = 0;
  std::size_t first = 0;
  for (std::size_t h = 0; h < memory.glibc.size(); ++h) {
    const usage::GlibcSpace& space = memory.glibc[h];
    for (const usage::TrimmedRange& range : space.trim.ranges) {
      rows->add({Cell::of_address(range.pages.begin), Cell::of_address(range.pages.end),
                 Cell::of_count(range.pages.size()),
                 space.resident_known ? Cell::of_count(range.resident) : Cell::absent(),
                 Cell::of_count(first + range.arena),
                 Cell::of_text(range.top ? "brk" : "madvise")});
      bytes += range.pages.size();
      resident += range.resident;
    }
    first += heaps[h].arenas.size();
  }
  table.rows = rows;
  table.totals = {{"size", Cell::of_count(bytes)}, {"resident", Cell::of_count(resident)}};
  return table;
}

KeyValues settings(const std::vector<glibc::MallocHeap>& heaps, const usage::FreeMemory& memory) {
  KeyValues values;
  values.count("arenas", memory.arenas, "arenas of glibc");
  values.count("threads", memory.threads);
  values.bytes("tcache_bytes", memory.tcache, "cached by threads");
  if (heaps.empty()) return values;
  const glibc::MallocParameters& p = heaps.front().parameters;
  values.boolean("found", p.found, "mp_ found");
  if (!p.found) return values;
  values.bytes("mmap_threshold", p.mmap_threshold, "mmap threshold");
  values.bytes("trim_threshold", p.trim_threshold, "trim threshold");
  values.bytes("top_pad", p.top_pad, "top pad");
  values.boolean("dynamic", !p.no_dyn_threshold, "thresholds grow by themselves");
  values.count("arena_max", p.arena_max, "arena max (0: by CPUs)");
  values.count("tcache_count", p.tcache_count, "tcache count");
  values.bytes("thp_page_size", p.thp_page_size, "brk moves by");
  values.count("mmapped_count", p.n_mmaps, "chunks with a mapping");
  values.bytes("mmapped_bytes", p.mmapped_bytes, "in them");
  return values;
}

// The block that stands at the end of each heap.
Table end_table(const census::Census& census, const std::vector<glibc::MallocHeap>& heaps) {
  Table table;
  table.columns = {{"arena", "", ColumnType::identifier, ""},
                   {"address", "last block", ColumnType::address, ""},
                   {"what", "", ColumnType::text, ""},
                   {"size", "", ColumnType::bytes, ""},
                   {"below", "free below it", ColumnType::bytes, ""},
                   {"top", "", ColumnType::bytes, ""}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  std::size_t first = 0;
  for (const glibc::MallocHeap& heap : heaps) {
    for (const usage::HeapEnd& end : usage::heap_ends(heap)) {
      const census::RowId row = census.row_holding(end.block);
      rows->add({Cell::of_count(first + end.arena), Cell::of_address(end.block),
                 row == census::RowId::none ? Cell::absent() : Cell::of_text(census.kind_of(row)),
                 Cell::of_count(end.size), Cell::of_count(end.below), Cell::of_count(end.top)});
    }
    first += heap.arenas.size();
  }
  table.rows = rows;
  return table;
}

// One line an allocator; the columns of the arenas' table.
KeyValues summary(const usage::FreeMemory& m, const usage::Pinned& pinned,
                  const usage::Waterfall& w) {
  KeyValues values;
  values.bytes("total", w.total);
  values.text("basis", usage::name_of(w.basis));
  values.bytes("glibc_resident", m.sum.resident);
  values.bytes("glibc_used", m.sum.used);
  values.bytes("glibc_free", m.sum.free_resident);
  values.bytes("glibc_trimmable", m.sum.trimmable);
  values.bytes("glibc_held", m.sum.held);
  values.bytes("glibc_largest_free", m.sum.largest_free);
  values.bytes("pymalloc_resident", m.pools.resident);
  values.bytes("pymalloc_used", m.pools.live_bytes);
  values.bytes("pymalloc_held", m.pools.held);
  values.count("pymalloc_free_pools", m.pools.free_pools);
  values.bytes("pinned", pinned.pymalloc + pinned.glibc);
  return values;
}

std::string summary_screen(const usage::FreeMemory& m) {
  std::string text = fmt::format("{:<22}{:>11}{:>11}{:>11}{:>12}{:>12}\n", "FREE IN ALLOCATORS",
                                 "resident", "in use", "free", "trimmable", "held back");
  const auto line = [&](const std::string& name, std::uint64_t resident, std::uint64_t used,
                        std::uint64_t free, std::uint64_t trimmable) {
    text += fmt::format("  {:<20}{:>11}{:>11}{:>11}{:>12}{:>12}\n", name, size_text(resident),
                        size_text(used), size_text(free), size_text(trimmable),
                        size_text(free - trimmable));
  };
  const auto plural = [](std::size_t n) {
    return fmt::format("{} arena{}", with_thousands(static_cast<std::int64_t>(n)),
                       n == 1 ? "" : "s");
  };
  if (m.arenas > 0) {
    line("glibc, " + plural(m.arenas), m.sum.resident, m.sum.used, m.sum.free_resident,
         m.sum.trimmable);
  }
  if (!m.pools.arenas.empty()) {
    line("pymalloc, " + plural(m.pools.arenas.size()), m.pools.resident, m.pools.live_bytes,
         m.pools.held, 0);
  }
  if (m.arenas > 0) {
    text +=
        fmt::format("  Largest run of free bytes in glibc: {}.\n", size_text(m.sum.largest_free));
  }
  return text;
}

Result<Report> run(Context& context) {
  auto opened = context.session.target(context.job);
  if (!opened) return std::unexpected(opened.error());
  Target& target = **opened;
  const auto census = target.census(context.job);
  if (!census) return std::unexpected(census.error());
  const auto heaps = target.heaps(context.job);
  if (!heaps) return std::unexpected(heaps.error());
  const auto pymalloc = target.pymalloc(context.job);
  if (!pymalloc) return std::unexpected(pymalloc.error());
  if ((*heaps)->empty() && (*pymalloc)->arenas.empty()) {
    return fail(ErrorCode::no_allocator, target.image().source,
                "neither glibc's malloc nor pymalloc was found", context.session.prefix + "info");
  }
  const image::Image& image = target.image();
  const usage::Waterfall w = usage::waterfall(**census, image);
  const usage::FreeMemory memory = usage::free_memory(image, **heaps, **pymalloc);

  Report report = report_on(target, **census);
  if (context.arguments.has("pages")) {
    report.main_name = "pages";
    report.add("pages", "PAGES that malloc_trim(0) would give back", page_table(**heaps, memory));
    report.next = {{"fragmentation", "what holds back the rest"}};
    return report;
  }
  const usage::Pinned pinned =
      usage::find_pinners(image, **census, **pymalloc, **heaps, kSingles, context.job);
  if (context.job.cancelled()) {
    return fail(ErrorCode::cancelled, "fragmentation", "cancelled");
  }
  std::optional<python::Decoder> decoder;
  if (context.arguments.has("values")) {
    const auto runtime = target.runtime(context.job);
    const auto types = target.types(context.job);
    if (runtime && *runtime != nullptr && types && *types != nullptr) {
      decoder.emplace(image.space, **runtime, **types);
    }
  }
  const std::vector<usage::Reason> reasons = usage::why_it_stays(memory, w);
  const std::vector<usage::Cure> found = usage::cures(memory, w);

  report.main_name = "pinners";
  report.add("summary", "", summary(memory, pinned, w)).screen = summary_screen(memory);
  report.add("reasons", "WHY IT STAYS", reason_table(reasons)).screen =
      reasons.empty() ? "  Nothing to explain: little is free, or it is spread evenly.\n"
                      : reason_screen(reasons, reasons.size());
  report.add("cures", "", cure_table(found)).screen = cure_screen(found, true);
  report.add("pinners", "PINNERS  what holds free memory back, alike ones together",
             pinner_table(**census, pinned));
  report.add("largest", "THE LARGEST ones singly",
             single_pinner_table(**census, pinned, decoder ? &*decoder : nullptr));
  if (!(*heaps)->empty()) {
    report.add("ends", "ENDS of the heaps: without a trim only top goes back by itself",
               end_table(**census, **heaps));
    report.add("unpinned", "STAYS although nothing holds it (glibc)", unpinned_table(pinned));
    report.add("sizes", "FREE CHUNKS of glibc by size, tops left out", size_table(memory));
    report.add("settings", "SETTINGS of glibc as the process has them", settings(**heaps, memory));
  }
  if (!(*pymalloc)->arenas.empty()) {
    report.add("classes", "POOLS of pymalloc by fill, most free bytes first",
               class_table(memory.pools));
    report.add("freed_if", "ARENAS of pymalloc that would go if so many objects went",
               freed_if_table(memory.pools));
  }
  if (!image.residency.known) {
    report.not_seen += "\n          which pages were resident: mapped bytes stand for them";
  }
  report.next = {{"rss --arenas", "arena by arena"},
                 {"map --pinners", "a picture of it"},
                 {"fragmentation --pages", "the pages that malloc_trim(0) would return"}};
  return report;
}

}  // namespace

Command fragmentation_command() {
  return {
      .name = "fragmentation",
      .aliases = {"frag"},
      .summary = "what is free in allocators, what holds it, what would return it",
      .description =
          "glibc gives whole free pages back when malloc_trim(0) is called, and pymalloc an arena\n"
          "when nothing in it lives. What is free and would stay is held back by the blocks in "
          "use\n"
          "that share its page or arena: the pinners. The free bytes of a page or arena are "
          "shared\n"
          "out evenly among them, so that shares add up. --values shows what the largest pinners\n"
          "hold, --pages the pages that malloc_trim(0) would give back, page by page.\n"
          "\n"
          "Cures: malloc_trim's figure is computed. The others are estimates of what a process "
          "that\n"
          "had been started with the setting would not have kept, at most, and overlap.",
      .usage = "",
      .options = {{"pages", 0, "", "the pages that malloc_trim(0) would give back"},
                  {"values", 0, "", "show the values of the largest pinners"}},
      .columns = pinner_columns(),
      .group = Group::where,
      .run = run};
}

}  // namespace coreheap::commands
