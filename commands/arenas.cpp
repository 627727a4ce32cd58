// `arenas`: glibc's arenas and what each keeps.
#include "commands/commands.h"
#include "commands/glibc_reports.h"
#include "commands/screens.h"

namespace coreheap::commands {

namespace {

std::vector<Column> columns() {
  return {
      {"arena", "", ColumnType::identifier, "its number, main first, then malloc_info's order"},
      {"address", "", ColumnType::address, "of its malloc_state", false},
      {"main", "", ColumnType::boolean, "the main arena", false},
      {"threads", "", ColumnType::integer, "threads attached to it"},
      {"segments", "", ColumnType::integer, "heap segments"},
      {"system_bytes", "system", ColumnType::bytes, "taken from the system"},
      {"max_system_bytes", "max system", ColumnType::bytes, "the most that ever was", false},
      {"mprotect_bytes", "accessible", ColumnType::bytes, "made accessible (malloc_info: mprotect)",
       false},
      {"used_count", "", ColumnType::integer, "chunks in use", false},
      {"used_bytes", "in use", ColumnType::bytes, "their bytes"},
      {"bins_count", "", ColumnType::integer, "chunks in bins", false},
      {"bins_bytes", "in bins", ColumnType::bytes, "their bytes"},
      {"fast_count", "", ColumnType::integer, "chunks in fastbins", false},
      {"fast_bytes", "", ColumnType::bytes, "their bytes", false},
      {"tcache_count", "", ColumnType::integer, "chunks in threads' tcaches", false},
      {"tcache_bytes", "tcache", ColumnType::bytes, "their bytes"},
      {"top_bytes", "top", ColumnType::bytes, "the free rest at the end"},
      {"overhead_bytes", "", ColumnType::bytes, "segment headers, fenceposts, gaps", false},
      {"locked", "", ColumnType::boolean, "its mutex was held", false},
      {"libc", "", ColumnType::text, "the C library it belongs to", false},
  };
}

Result<Report> run(Context& context) {
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto heaps = glibc_heaps(context, **target);
  if (!heaps) return std::unexpected(heaps.error());
  const image::Image& image = (*target)->image();

  Table table;
  table.columns = columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  // Columns that add up, by the name of the member they show.
  struct Figure {
    std::string_view column;
    std::uint64_t glibc::Arena::*member;
    std::uint64_t sum = 0;
  };
  Figure figures[] = {{"system_bytes", &glibc::Arena::system_bytes},
                      {"used_count", &glibc::Arena::used_count},
                      {"used_bytes", &glibc::Arena::used_bytes},
                      {"bins_count", &glibc::Arena::bin_count},
                      {"bins_bytes", &glibc::Arena::bin_bytes},
                      {"fast_count", &glibc::Arena::fastbin_count},
                      {"fast_bytes", &glibc::Arena::fastbin_bytes},
                      {"tcache_count", &glibc::Arena::tcache_count},
                      {"tcache_bytes", &glibc::Arena::tcache_bytes},
                      {"top_bytes", &glibc::Arena::top_bytes},
                      {"overhead_bytes", &glibc::Arena::overhead_bytes}};
  for (const NumberedArena& numbered : numbered_arenas(**heaps)) {
    const glibc::Arena& a = numbered.arena();
    const auto module = static_cast<std::size_t>(numbered.heap->module);
    const bool known = numbered.heap->module >= 0 && module < image.modules.size();
    rows->add({Cell::of_count(numbered.number),
               Cell::of_address(a.address),
               Cell::of_boolean(a.is_main),
               Cell::of_count(a.attached_threads),
               Cell::of_count(a.segments),
               Cell::of_count(a.system_bytes),
               Cell::of_count(a.max_system_bytes),
               Cell::of_count(a.mprotect_bytes),
               Cell::of_count(a.used_count),
               Cell::of_count(a.used_bytes),
               Cell::of_count(a.bin_count),
               Cell::of_count(a.bin_bytes),
               Cell::of_count(a.fastbin_count),
               Cell::of_count(a.fastbin_bytes),
               Cell::of_count(a.tcache_count),
               Cell::of_count(a.tcache_bytes),
               Cell::of_count(a.top_bytes),
               Cell::of_count(a.overhead_bytes),
               Cell::of_boolean(a.locked),
               known ? Cell::of_text(image.modules[module].path) : Cell()});
    for (Figure& figure : figures) figure.sum += a.*figure.member;
  }
  table.rows = rows;
  for (const Figure& figure : figures) {
    table.totals.emplace_back(figure.column, Cell::of_count(figure.sum));
  }
  std::uint64_t mmapped_count = 0;
  std::uint64_t mmapped_bytes = 0;
  for (const glibc::MallocHeap& heap : **heaps) {
    mmapped_count += heap.mmapped_count;
    mmapped_bytes += heap.mmapped_bytes;
  }
  table.totals.emplace_back("mmapped_count", Cell::of_count(mmapped_count));
  table.totals.emplace_back("mmapped_bytes", Cell::of_count(mmapped_bytes));

  Report report = report_on(**target);
  for (const glibc::MallocHeap& heap : **heaps) {
    report.findings.insert(report.findings.end(), heap.findings.begin(), heap.findings.end());
  }
  report.add("arenas", "", std::move(table));
  KeyValues mapped;
  mapped.count("mmapped_count", mmapped_count, "chunks with a mapping of their own");
  mapped.bytes("mmapped_bytes", mmapped_bytes, "their bytes");
  const glibc::MallocParameters& parameters = (*heaps)->front().parameters;
  if (parameters.found) {
    mapped.bytes("mmap_threshold", parameters.mmap_threshold, "mmap threshold");
    mapped.bytes("trim_threshold", parameters.trim_threshold, "trim threshold");
    mapped.count("arena_max", parameters.arena_max, "arena max (0: by CPUs)");
  }
  report.add("mmapped", "", std::move(mapped));
  report.next = {{"arena 0", "one arena: segments, bins, tcaches"},
                 {"bins", "free lists of all arenas"}};
  return report;
}

}  // namespace

Command arenas_command() {
  return {.name = "arenas",
          .aliases = {},
          .summary = "glibc's arenas: what each took, uses and keeps",
          .description =
              "An arena is one of malloc's heaps, with its own lock and free lists; threads are "
              "spread\n"
              "over them. Chunks in a tcache wait for one thread; they are counted with the arena "
              "they\n"
              "were carved from, and are neither in use nor in its bins.",
          .usage = "",
          .columns = columns(),
          .group = Group::allocators,
          .cost = Cost::allocators,
          .run = run};
}

}  // namespace coreheap::commands
