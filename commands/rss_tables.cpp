// The waterfall by cause, mapping and arena.
#include "commands/rss_tables.h"

#include <fmt/format.h>

#include <algorithm>

#include "commands/figures.h"
#include "commands/glibc_reports.h"

namespace coreheap::commands {

namespace {

using usage::Code;

std::string permissions_of(const image::Mapping& m) {
  std::string text = "----";
  if (m.readable) text[0] = 'r';
  if (m.writable) text[1] = 'w';
  if (m.executable) text[2] = 'x';
  text[3] = m.shared ? 's' : 'p';
  return text;
}

std::string_view name_of(image::MappingKind kind) {
  switch (kind) {
    case image::MappingKind::anonymous:
      return "anonymous";
    case image::MappingKind::stack:
      return "stack";
    case image::MappingKind::file:
      return "file";
    case image::MappingKind::shared_memory:
      return "shared memory";
    case image::MappingKind::kernel:
      return "kernel";
  }
  return "anonymous";
}

// "free.glibc 80 %": the largest cause of a mapping.
std::string largest_of(const usage::MappingShare& share) {
  if (share.total == 0) return {};
  const auto at = std::max_element(share.bytes.begin(), share.bytes.end());
  const auto code = static_cast<Code>(at - share.bytes.begin());
  const double percent = 100.0 * static_cast<double>(*at) / static_cast<double>(share.total);
  return fmt::format("{} {}", usage::name_of(code), percent_text(percent));
}

}  // namespace

std::vector<Column> rss_columns() {
  return {
      {"code", "", ColumnType::text, "stable name of the line"},
      {"cause", "", ColumnType::text, "what the bytes are"},
      {"bytes", "resident", ColumnType::bytes, "resident bytes; mapped ones where that is lost"},
      {"percent", "", ColumnType::percent, "of the sum"},
      {"mapped", "", ColumnType::bytes, "address space of it, resident or not"},
      {"at_least", "", ColumnType::bytes,
       "where residency is lost: bytes of pages that are not all zero", false},
  };
}

Table rss_table(const usage::Waterfall& w, const usage::Waterfall* written) {
  Table table;
  table.columns = rss_columns();
  table.cut_as_text = false;
  if (w.basis == usage::Basis::mapped) {
    table.columns[2].in_text = false;  // the same as mapped
    table.columns[5].in_text = written != nullptr;
  }
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (std::size_t i = 0; i < usage::kCodes; ++i) {
    const auto code = static_cast<Code>(i);
    rows->add({Cell::of_text(usage::name_of(code)), Cell::of_text(usage::title_of(code)),
               Cell::of_count(w.of(code)), Cell::of_number(w.share(code) * 100),
               Cell::of_count(w.mapped_bytes[i]),
               written == nullptr ? Cell::absent() : Cell::of_count(written->of(code))});
  }
  table.rows = rows;
  table.totals = {{"bytes", Cell::of_count(w.total)},
                  {"percent", Cell::of_number(w.total == 0 ? 0 : 100)},
                  {"mapped", Cell::of_count(w.mapped_total)}};
  if (written != nullptr) table.totals.emplace_back("at_least", Cell::of_count(written->total));
  return table;
}

Table rss_mapping_table(const image::Image& image, const usage::WaterfallByMapping& by_mapping) {
  Table table;
  table.columns = {
      {"begin", "", ColumnType::address, "first byte"},
      {"end", "", ColumnType::address, "behind the last byte", false},
      {"permissions", "", ColumnType::text, "as in /proc/PID/maps", false},
      {"kind", "", ColumnType::text, "what it is made of", false},
      {"size", "", ColumnType::bytes, "end - begin"},
      {"bytes", "resident", ColumnType::bytes, "resident bytes; the sum of its causes"},
      {"rss", "", ColumnType::bytes, "what smaps says", false},
      {"pss", "", ColumnType::bytes, "what smaps says, shared pages in parts", false},
      {"swapped", "", ColumnType::bytes, "what smaps says", false},
      {"largest", "", ColumnType::text, "the cause with most of it"},
      {"name", "", ColumnType::text, "path, or [heap]"}};
  const std::size_t first_code = table.columns.size();
  for (std::size_t i = 0; i < usage::kCodes; ++i) {
    table.columns.push_back({usage::name_of(static_cast<Code>(i)), "", ColumnType::bytes,
                             usage::title_of(static_cast<Code>(i)), false});
  }
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  std::uint64_t rss = 0;
  std::uint64_t size = 0;
  std::vector<Cell> cells;
  for (std::size_t m = 0; m < image.mappings.size(); ++m) {
    const image::Mapping& mapping = image.mappings[m];
    const usage::MappingShare& share = by_mapping.mappings[m];
    const bool counted = mapping.rss.has_value();
    const std::string permissions = permissions_of(mapping);
    const std::string largest = largest_of(share);
    const auto counter = [&](std::uint64_t n) {
      return counted ? Cell::of_count(n) : Cell::absent();
    };
    cells = {Cell::of_address(mapping.range.begin),
             Cell::of_address(mapping.range.end),
             Cell::of_text(permissions),
             Cell::of_text(name_of(mapping.kind)),
             Cell::of_count(mapping.range.size()),
             Cell::of_count(share.total),
             counter(mapping.rss.value_or(0)),
             counter(mapping.counters.pss),
             counter(mapping.swapped.value_or(0)),
             largest.empty() ? Cell::absent() : Cell::of_text(largest),
             mapping.name.empty() ? Cell::absent() : Cell::of_text(mapping.name)};
    for (const std::uint64_t bytes : share.bytes) cells.push_back(Cell::of_count(bytes));
    rows->add(cells);
    rss += mapping.rss.value_or(0);
    size += mapping.range.size();
  }
  table.rows = rows;
  table.totals = {{"size", Cell::of_count(size)}, {"bytes", Cell::of_count(by_mapping.sum.total)}};
  if (by_mapping.sum.basis == usage::Basis::rss) {
    table.totals.emplace_back("rss", Cell::of_count(rss));
  }
  for (std::size_t i = 0; i < usage::kCodes; ++i) {
    table.totals.emplace_back(table.columns[first_code + i].name,
                              Cell::of_count(by_mapping.sum.bytes[i]));
  }
  // As text the largest are what one looks for; machines get address order.
  table.order = sorted_rows(table, 5, true);
  return table;
}

Table rss_arena_table(const std::vector<glibc::MallocHeap>& heaps,
                      const usage::FreeMemory& memory) {
  Table table;
  table.columns = {{"arena", "", ColumnType::text, "number of glibc's arena, or pymalloc"},
                   {"threads", "", ColumnType::integer, "threads attached to it"},
                   {"mapped", "", ColumnType::bytes, "address space of its segments", false},
                   {"resident", "", ColumnType::bytes, "of it in RAM"},
                   {"used", "in use", ColumnType::bytes, "chunks handed out"},
                   {"free", "", ColumnType::bytes, "bins, fastbins, tcaches, top", false},
                   {"free_resident", "free", ColumnType::bytes, "of that in RAM"},
                   {"trimmable", "", ColumnType::bytes, "that malloc_trim(0) would give back"},
                   {"held", "held back", ColumnType::bytes, "free and in RAM, and it would stay"},
                   {"top", "", ColumnType::bytes, "the free rest at the end", false},
                   {"top_resident", "top", ColumnType::bytes, "of it in RAM"},
                   {"largest_free", "", ColumnType::bytes, "largest run of free bytes", false},
                   {"address", "", ColumnType::address, "of its malloc_state", false}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  std::size_t number = 0;
  usage::ArenaSpace all;
  for (std::size_t h = 0; h < heaps.size() && h < memory.glibc.size(); ++h) {
    for (std::size_t i = 0; i < heaps[h].arenas.size(); ++i) {
      const glibc::Arena& arena = heaps[h].arenas[i];
      const usage::ArenaSpace& space = memory.glibc[h].arenas[i];
      const std::string name = fmt::format("{}{}", number++, arena.is_main ? " (main)" : "");
      rows->add({Cell::of_text(name), Cell::of_count(arena.attached_threads),
                 Cell::of_count(space.mapped), Cell::of_count(space.resident),
                 Cell::of_count(space.used), Cell::of_count(space.free),
                 Cell::of_count(space.free_resident), Cell::of_count(space.trimmable),
                 Cell::of_count(space.held), Cell::of_count(space.top),
                 Cell::of_count(space.top_resident), Cell::of_count(space.largest_free),
                 Cell::of_address(arena.address)});
      all += space;
    }
  }
  const usage::PoolFill& pools = memory.pools;
  if (!pools.arenas.empty()) {
    // An arena of pymalloc goes as a whole, when nothing in it lives.
    const std::uint64_t free = pools.held;
    rows->add({Cell::of_text("pymalloc"), Cell::absent(), Cell::absent(),
               Cell::of_count(pools.resident), Cell::of_count(pools.live_bytes), Cell::absent(),
               Cell::of_count(free), Cell::of_count(0), Cell::of_count(free)});
    all.resident += pools.resident;
    all.used += pools.live_bytes;
    all.free_resident += free;
    all.held += free;
  }
  table.rows = rows;
  table.totals = {{"resident", Cell::of_count(all.resident)},
                  {"used", Cell::of_count(all.used)},
                  {"free_resident", Cell::of_count(all.free_resident)},
                  {"trimmable", Cell::of_count(all.trimmable)},
                  {"held", Cell::of_count(all.held)},
                  {"top_resident", Cell::of_count(all.top_resident)}};
  return table;
}

KeyValues rss_memo(const image::Image& image, const usage::Waterfall& w) {
  KeyValues values;
  values.text("basis", usage::name_of(w.basis), "the sum is of");
  if (w.vm_rss) values.bytes("vm_rss", *w.vm_rss, "VmRSS");
  if (w.basis == usage::Basis::rss) {
    image::MappingCounters sum;
    for (const image::Mapping& m : image.mappings) {
      sum.pss += m.counters.pss;
      sum.private_clean += m.counters.private_clean;
      sum.private_dirty += m.counters.private_dirty;
      sum.shared_clean += m.counters.shared_clean;
      sum.shared_dirty += m.counters.shared_dirty;
      sum.anonymous += m.counters.anonymous;
      sum.huge_pages += m.counters.huge_pages;
    }
    values.bytes("pss", sum.pss, "PSS (shared pages in parts)");
    values.bytes("private", sum.private_clean + sum.private_dirty, "private (USS)");
    values.bytes("shared", sum.shared_clean + sum.shared_dirty, "shared with others");
    values.bytes("anonymous", sum.anonymous);
    values.bytes("file", w.total - std::min(w.total, sum.anonymous), "of files and shared memory");
    values.bytes("huge_pages", sum.huge_pages, "in transparent huge pages");
    values.bytes("hugetlb", w.hugetlb, "hugetlbfs, besides");
    values.bytes("swapped", w.swapped, "swapped out, besides");
    if (image.process.page_tables) {
      values.bytes("page_tables", *image.process.page_tables, "page tables, besides");
    }
  }
  values.bytes("inaccessible", w.inaccessible, "reserved without access");
  values.bytes("estimated", w.estimated, "placed by proportion");
  return values;
}

std::string rss_sum_text(const usage::Waterfall& w, const usage::Waterfall* written) {
  std::string text;
  switch (w.basis) {
    case usage::Basis::rss:
      text = !w.vm_rss              ? "The sum is that of Rss over smaps."
             : *w.vm_rss == w.total ? "The sum is that of Rss over smaps, and VmRSS says the same."
                                    : fmt::format(
                                          "The sum is that of Rss over smaps; VmRSS, which "
                                          "some kernels only estimate, says {}.",
                                          size_text(*w.vm_rss));
      break;
    case usage::Basis::resident_private:
      text =
          "Resident are the pages that the kernel wrote into the core: private memory, exactly. "
          "Clean pages of files and shared memory were resident too, and no core says which.";
      break;
    case usage::Basis::mapped:
      text = "Which pages were resident is lost: this core was written or copied without holes.";
      if (written != nullptr) {
        text += fmt::format(
            " Of its private memory between {} and {} were: the pages that are not all zero, and "
            "all of them (estimate).",
            size_text(written->total), size_text(w.total));
      }
      break;
  }
  return wrapped(text, 0, 80);
}

}  // namespace coreheap::commands
