// `map`: a picture of the allocators' memory.
#include <fmt/format.h>

#include <algorithm>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/map_screen.h"
#include "commands/screens.h"

namespace coreheap::commands {

namespace {

constexpr std::size_t kMostCells = 64 * 24;
constexpr std::size_t kPinners = 64;

// An arena by its number (glibc's) or by an address in it (either allocator's).
Result<void> keep_arena(const std::vector<glibc::MallocHeap>& heaps, std::string_view word,
                        std::vector<usage::Region>& regions) {
  const auto number = parse_number(word, "--arena");
  if (!number) return std::unexpected(number.error());
  std::size_t arenas = 0;
  for (const glibc::MallocHeap& heap : heaps) arenas += heap.arenas.size();
  if (*number < arenas) {
    std::size_t first = 0;
    for (std::size_t h = 0; h < heaps.size(); ++h) {
      std::erase_if(regions, [&](const usage::Region& r) {
        if (r.heap != h || r.kind == usage::RegionKind::pymalloc) return false;
        return r.kind != usage::RegionKind::glibc || first + r.arena != *number;
      });
      first += heaps[h].arenas.size();
    }
    std::erase_if(regions,
                  [](const usage::Region& r) { return r.kind == usage::RegionKind::pymalloc; });
    return {};
  }
  const auto at = std::find_if(regions.begin(), regions.end(), [&](const usage::Region& r) {
    return r.range.contains(Address{*number});
  });
  if (at == regions.end()) {
    return fail(ErrorCode::no_such_arena, std::string(word),
                fmt::format("neither one of glibc's {} arenas nor an address in an arena", arenas),
                "arenas, or pymalloc: they list them");
  }
  const usage::Region chosen = *at;
  std::erase_if(regions, [&](const usage::Region& r) {
    return r.kind != chosen.kind || r.heap != chosen.heap || r.arena != chosen.arena ||
           (chosen.kind != usage::RegionKind::glibc && r.range != chosen.range);
  });
  return {};
}

Result<const pymalloc::Pool*> pool_at(const pymalloc::PymallocHeap& heap, std::string_view word) {
  const auto address = parse_address(word);
  if (!address) return std::unexpected(address.error());
  const Address pool = address->aligned_down(heap.geometry.pool_bytes);
  const auto at =
      std::lower_bound(heap.pools.begin(), heap.pools.end(), pool,
                       [](const pymalloc::Pool& p, Address a) { return p.address < a; });
  if (at == heap.pools.end() || at->address != pool) {
    return fail(ErrorCode::not_mapped, std::string(word), "no pool in use is there",
                "map --arena ADDR, or show ADDR");
  }
  return &*at;
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
  const image::Image& image = target.image();

  std::vector<usage::Region> regions = usage::allocator_regions(**pymalloc, **heaps);
  std::uint64_t cell = 0;
  std::string pool_text;
  if (const auto word = context.arguments.value("pool")) {
    const auto pool = pool_at(**pymalloc, *word);
    if (!pool) return std::unexpected(pool.error());
    const AddressRange range{(*pool)->address, (*pool)->address + (*pymalloc)->geometry.pool_bytes};
    std::erase_if(regions, [&](const usage::Region& r) { return !r.range.contains(range.begin); });
    for (usage::Region& r : regions) r.range = range;
    cell = image.page_size;
    pool_text = pool_screen(**census, (*pymalloc)->geometry, **pool);
  } else if (const auto arena = context.arguments.value("arena")) {
    if (auto kept = keep_arena(**heaps, *arena, regions); !kept) {
      return std::unexpected(kept.error());
    }
  }
  if (const auto word = context.arguments.value("cell")) {
    const auto bytes = parse_size(*word, "--cell");
    if (!bytes) return std::unexpected(bytes.error());
    if (*bytes < image.page_size || (*bytes & (*bytes - 1)) != 0 || *bytes > (1ULL << 40)) {
      return fail(ErrorCode::usage, "--cell", "a power of two from a page on", "--cell 64K");
    }
    cell = *bytes;
    const std::uint64_t least = usage::cell_bytes_for(regions, image.page_size, 1 << 22);
    if (cell < least) {
      return fail(ErrorCode::usage, "--cell", "more than four million cells",
                  fmt::format("--cell {}", least));
    }
  }
  if (cell == 0) cell = usage::cell_bytes_for(regions, image.page_size, kMostCells);

  std::optional<usage::Pinned> pinned;
  if (context.arguments.has("pinners")) {
    pinned = usage::find_pinners(image, **census, **pymalloc, **heaps, kPinners, context.job);
  }
  const usage::MemoryMap map =
      usage::memory_map(image, **census, regions, cell, pinned ? &*pinned : nullptr, context.job);
  if (context.job.cancelled()) return fail(ErrorCode::cancelled, "map", "cancelled");

  Report report = report_on(target, **census);
  report.main_name = "cells";
  report.add("cells", "", map_table(map)).screen = pool_text.empty() ? map_screen(map) : pool_text;
  report.picture = map_picture(map, image.source);
  report.next = {{"fragmentation", "what holds free memory back"},
                 {"map --arena 0", "the main arena, page by page"},
                 {"map -o map.svg", "as a picture"}};
  return report;
}

}  // namespace

Command map_command() {
  return {
      .name = "map",
      .aliases = {},
      .summary = "a picture of the allocators' memory: fill and residency",
      .description =
          "A character a cell, 64 cells a row, the address in front. How dark a cell is says how "
          "much\n"
          "of it is in use; a dot is memory that is not in RAM. Rows without allocator memory are\n"
          "left out. --arena takes the number of an arena of glibc, or an address in an arena of\n"
          "glibc or pymalloc; --pool an address in a pool, and a cell is then a block. -o "
          "FILE.svg\n"
          "draws the same.",
      .usage = "",
      .options = {{"arena", 0, "N|ADDR", "only this arena", Completer::address},
                  {"pool", 0, "ADDR", "the blocks of this pool", Completer::address},
                  {"pinners", 0, "", "mark cells that hold one of the largest pinners"},
                  {"cell", 0, "SIZE", "bytes of a cell (default: what fits a screen)"}},
      .columns = map_columns(),
      .group = Group::where,
      .run = run};
}

}  // namespace coreheap::commands
