// `rss`: where every resident byte goes, by cause, by mapping, by arena.
#include "commands/cgroup_screen.h"
#include "commands/commands.h"
#include "commands/native_memory.h"
#include "commands/rss_record.h"
#include "commands/rss_tables.h"
#include "commands/screens.h"
#include "commands/table_options.h"
#include "heapparse/usage/free_memory.h"

namespace coreheap::commands {

namespace {

// What cannot be said is a line, and the rest of the report stands.
void add_cgroup(Context& context, Target& target, Report& report) {
  const auto group = target.cgroup(context.job);
  if (!group) {
    report.add_text("cgroup_error",
                    "CONTROL GROUP  " + group.error().subject + ": " + group.error().reason + '\n');
    return;
  }
  if (*group == nullptr) {
    report.add_text("cgroup_error", "CONTROL GROUP  no cgroup data: the target is not alive\n");
    return;
  }
  report.main_name = "cgroup";
  report.add("cgroup", "CONTROL GROUP, one level up: the sum is its own figure",
             cgroup_table(**group));
  report.add("cgroup_limits", "", cgroup_values(**group));
  report.findings.insert(report.findings.end(), (*group)->findings.begin(),
                         (*group)->findings.end());
}

Result<Report> run(Context& context) {
  if (is_recording(context.arguments)) return record_rss(context);
  auto opened = context.session.target(context.job);
  if (!opened) return std::unexpected(opened.error());
  Target& target = **opened;
  const auto census = target.census(context.job);
  if (!census) return std::unexpected(census.error());
  const image::Image& image = target.image();
  std::vector<bool> held;
  const std::vector<bool>* owned = nullptr;
  if (context.arguments.has("owners")) {
    auto view = GraphView::open(context);
    if (!view) return std::unexpected(view.error());
    auto memory = native_memory(context, **view);
    if (!memory) return std::unexpected(memory.error());
    held = std::move(memory->owned);
    owned = &held;
  }
  const usage::WaterfallByMapping by_mapping = usage::waterfall_by_mapping(**census, image, owned);
  const usage::Waterfall& w = by_mapping.sum;
  std::optional<usage::Waterfall> written;
  if (w.basis == usage::Basis::mapped) {
    written = usage::written_pages(**census, image, context.job, owned);
  }

  Report report = report_on(target, **census);
  report.main_name = "causes";
  report.add("causes", "", rss_table(w, written ? &*written : nullptr));
  report.add_text("sum", rss_sum_text(w, written ? &*written : nullptr));
  report.add("beside", "BESIDE the sum", rss_memo(image, w));
  if (context.arguments.has("mappings")) {
    report.main_name = "mappings";
    report.add("mappings", "MAPPINGS, most resident bytes first",
               rss_mapping_table(image, by_mapping));
  }
  if (context.arguments.has("arenas")) {
    const auto heaps = target.heaps(context.job);
    if (!heaps) return std::unexpected(heaps.error());
    const auto pymalloc = target.pymalloc(context.job);
    if (!pymalloc) return std::unexpected(pymalloc.error());
    if (!context.arguments.has("mappings")) report.main_name = "arenas";
    report.add("arenas", "ARENAS",
               rss_arena_table(**heaps, usage::free_memory(image, **heaps, **pymalloc)));
  }
  if (context.arguments.has("cgroup")) add_cgroup(context, target, report);
  if (!context.arguments.has("mappings")) {
    report.next.push_back({"rss --mappings", "mapping by mapping"});
  }
  if (!context.arguments.has("arenas")) {
    report.next.push_back({"rss --arenas", "what each arena uses and keeps"});
  }
  if (owned == nullptr) {
    report.next.push_back({"rss --owners", "native memory that Python objects hold, apart"});
  } else {
    report.next.push_back({"native", "native memory by who holds it"});
  }
  report.next.push_back({"fragmentation", "what holds free memory back"});
  return report;
}

}  // namespace

Command rss_command() {
  return {
      .name = "rss",
      .aliases = {},
      .summary = "where every resident byte goes: a sum that equals RSS",
      .description =
          "Every byte of the address space has one cause, from the same list as on the first\n"
          "screen. Live, the causes add up to the sum of Rss over smaps, in total and mapping by\n"
          "mapping; in a core of the kernel to the private pages that were resident. A core "
          "without\n"
          "holes (gcore, copied, piped) does not say which pages were: figures are then mapped\n"
          "bytes, with a lower bound beside.\n"
          "\n"
          "Whose native memory is takes following every reference, as `native` does: only with\n"
          "--owners is `native.owned` what Python objects hold; without, all is `native.other`.\n"
          "\n"
          "--record follows a process without stopping it: every sample is read from /proc and "
          "from\n"
          "the allocators' own counters, found once at the start in a copy made while it runs. "
          "The\n"
          "curves come at the end; Ctrl-C leaves the file whole.",
      .usage = "",
      .options = {{"mappings", 0, "", "a line a mapping too"},
                  {"owners", 0, "", "follow references: native memory that objects hold is a line"},
                  {"cgroup", 0, "", "the control group: this process, the others, caches, kernel"},
                  {"arenas", 0, "", "a line an arena of glibc, and one for pymalloc"},
                  {"record", 0, "FILE", "follow the process by its counters, a line a sample",
                   Completer::file},
                  {"every", 0, "TIME", "between two samples (default 5s)"},
                  {"for", 0, "TIME", "length of the recording (default: until the process ends)"},
                  {"mprof", 0, "FILE", "record for `mprof plot` too", Completer::file},
                  {"curves", 0, "FILE", "show a recording; -o FILE.svg draws it", Completer::file}},
      .columns = rss_columns(),
      .group = Group::where,
      .run = run};
}

}  // namespace coreheap::commands
