// `info`: what the target is, and how everything in it was found.
#include <fmt/format.h>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/screens.h"

namespace coreheap::commands {

namespace {

std::string_view name_of(image::TargetKind kind) {
  switch (kind) {
    case image::TargetKind::live:
      return "live process";
    case image::TargetKind::kernel_core:
      return "core written by the kernel";
    case image::TargetKind::gcore:
      return "core written by gcore";
    case image::TargetKind::regions:
      return "regions read by the host";
  }
  return "";
}

std::string_view name_of(Evidence::Strength strength) {
  switch (strength) {
    case Evidence::Strength::certain:
      return "certain";
    case Evidence::Strength::probable:
      return "probable";
    case Evidence::Strength::guess:
      return "guess";
  }
  return "";
}

KeyValues target_values(const image::Image& image) {
  KeyValues values;
  values.text("source", image.source);
  values.text("kind", name_of(image.kind));
  if (image.process.pid) values.identifier("pid", *image.process.pid);
  values.text("command_line", image.process.command_line, "command line");
  values.text("executable", image.process.executable);
  if (image.process.signal) {
    values.identifier("signal", static_cast<std::uint64_t>(*image.process.signal),
                      "killed by signal");
  }
  if (image.process.uptime_seconds) {
    values.text("uptime", uptime_text(*image.process.uptime_seconds));
  }
  if (image.process.vm_rss) values.bytes("vm_rss", *image.process.vm_rss, "VmRSS");
  values.bytes("page_size", image.page_size, "page size");
  values.count("mappings", image.mappings.size());
  values.count("threads", image.threads.size());
  values.boolean("residency_known", image.residency.known, "residency known");
  values.bytes("missing_bytes", image.missing_bytes, "not in the image");
  if (image.pause) {
    const double seconds = static_cast<double>(image.pause->nanoseconds) / 1e9;
    values.text("pause", image.pause->stopped ? seconds_text(seconds) : "none: may be torn",
                "stopped for");
    values.text("predicted_pause",
                seconds_text(static_cast<double>(image.pause->predicted_nanoseconds) / 1e9),
                "predicted");
    values.bytes("bytes_copied", image.pause->bytes_copied, "copied");
  }
  return values;
}

class EvidenceTable {
 public:
  void add(std::string_view part, const std::vector<Evidence>& evidence) {
    for (const Evidence& e : evidence) {
      rows_->add({Cell::of_text(part), Cell::of_text(e.subject), Cell::of_text(name_of(e.strength)),
                  Cell::of_text(e.how)});
    }
  }
  static std::vector<Column> columns() {
    return {{"part", "", ColumnType::text, "image, glibc, pymalloc, other or python"},
            {"subject", "", ColumnType::text, "what was found"},
            {"strength", "", ColumnType::text, "certain, probable or guess"},
            {"how", "", ColumnType::text, "by which structure, and what confirmed it"}};
  }
  // Explanations are sentences: they stand below what they explain.
  std::string screen() const {
    std::string text;
    Texts texts;
    for (std::uint64_t row = 0; row < rows_->size(); ++row) {
      Cell cells[4];
      for (unsigned c = 0; c < 4; ++c) rows_->fill(c, {&row, 1}, {&cells[c], 1}, texts);
      text += fmt::format("  {:<9} {:<9} {}\n", printable(cells[0].text), cells[2].text,
                          printable(cells[1].text));
      text += wrapped(printable(cells[3].text), 12, 80);
    }
    return text.empty() ? "  (none)\n" : text;
  }
  Table table() const {
    Table table;
    table.columns = columns();
    table.rows = rows_;
    table.cut_as_text = false;
    return table;
  }

 private:
  std::shared_ptr<FixedRows> rows_ = std::make_shared<FixedRows>(4);
};

Table module_table(const image::Image& image) {
  Table table;
  table.columns = {{"begin", "", ColumnType::address, ""},
                   {"end", "", ColumnType::address, "", false},
                   {"path", "", ColumnType::text, ""},
                   {"build_id", "build-id", ColumnType::text, "", false},
                   {"local_path", "file at hand", ColumnType::text, ""}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  const auto text_or_absent = [](const std::string& text) {
    return text.empty() ? Cell() : Cell::of_text(text);
  };
  for (const image::Module& module : image.modules) {
    rows->add({Cell::of_address(module.range.begin), Cell::of_address(module.range.end),
               Cell::of_text(module.path), text_or_absent(module.build_id),
               text_or_absent(module.local_path)});
  }
  table.rows = rows;
  return table;
}

Table thread_table(const image::Image& image) {
  Table table;
  table.columns = {{"tid", "", ColumnType::identifier, ""},
                   {"name", "", ColumnType::text, ""},
                   {"thread_pointer", "thread pointer", ColumnType::address, ""},
                   {"stack_pointer", "stack pointer", ColumnType::address, ""},
                   {"program_counter", "program counter", ColumnType::address, "", false}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const image::Thread& thread : image.threads) {
    rows->add({Cell::of_count(thread.tid),
               thread.name.empty() ? Cell() : Cell::of_text(thread.name),
               thread.thread_pointer ? Cell::of_address(Address{*thread.thread_pointer}) : Cell(),
               Cell::of_address(thread.stack_pointer), Cell::of_address(thread.program_counter)});
  }
  table.rows = rows;
  return table;
}

KeyValues allocator_values(const std::vector<glibc::MallocHeap>& heaps,
                           const pymalloc::PymallocHeap& pymalloc, const image::Image& image) {
  KeyValues values;
  for (std::size_t i = 0; i < heaps.size(); ++i) {
    const glibc::MallocHeap& heap = heaps[i];
    const std::string key = i == 0 ? "glibc" : fmt::format("glibc_{}", i + 1);
    const auto module = static_cast<std::size_t>(heap.module);
    if (heap.module >= 0 && module < image.modules.size()) {
      values.text(key + "_module", image.modules[module].path, key + " of");
    }
    values.text(key + "_layout", heap.layout.description, key + " layout");
    values.count(key + "_arenas", heap.arenas.size(), key + " arenas");
    values.count(key + "_chunks", heap.chunks.size(), key + " chunks");
    values.bytes(key + "_mmapped_bytes", heap.mmapped_bytes, key + " mmapped");
    if (heap.parameters.found) {
      values.bytes(key + "_mmap_threshold", heap.parameters.mmap_threshold,
                   key + " mmap threshold");
    }
  }
  if (!pymalloc.arenas.empty()) {
    values.text("pymalloc_geometry",
                fmt::format("arenas of {}, pools of {}, alignment {}",
                            size_text(pymalloc.geometry.arena_bytes),
                            size_text(pymalloc.geometry.pool_bytes), pymalloc.geometry.alignment),
                "pymalloc");
    values.count("pymalloc_arenas", pymalloc.arenas.size(), "pymalloc arenas");
    values.count("pymalloc_blocks", pymalloc.live_blocks, "pymalloc blocks");
  }
  return values;
}

KeyValues python_values(const python::Runtime& runtime, const image::Image& image) {
  KeyValues values;
  values.text("version", runtime.version_text);
  values.boolean("best_effort", runtime.best_effort, "newer than every table");
  const auto module = static_cast<std::size_t>(runtime.module);
  if (runtime.module >= 0 && module < image.modules.size()) {
    values.text("module", image.modules[module].path, "lives in");
  }
  values.address("type_type", runtime.type_type, "PyType_Type");
  if (runtime.runtime) values.address("runtime", *runtime.runtime, "_PyRuntime");
  values.count("interpreters", runtime.interpreters.size());
  std::size_t states = 0;
  for (const python::Interpreter& interpreter : runtime.interpreters) {
    states += interpreter.thread_states.size();
  }
  values.count("thread_states", states, "thread states");
  values.count("gc_head_bytes", runtime.gc_head_bytes, "GC head bytes");
  values.count("debug_prefix_bytes", runtime.debug_prefix_bytes, "debug prefix bytes");
  return values;
}

Evidence evidence_of(const python::Closure& closure) {
  return {"objects by closure",
          fmt::format("{} objects reached, static ones among them, by the references of what the "
                      "collector's lists ({}), states of interpreters and threads ({}), frames "
                      "({}) and data of modules ({}) lead to first; what nothing refers to is not "
                      "found",
                      closure.objects.size(), closure.from_lists, closure.from_states,
                      closure.from_frames, closure.from_modules),
          Evidence::Strength::probable};
}

Result<Report> run(Context& context) {
  auto opened = context.session.target(context.job);
  if (!opened) return std::unexpected(opened.error());
  Target& target = **opened;
  const auto heaps = target.heaps(context.job);
  if (!heaps) return std::unexpected(heaps.error());
  const auto pymalloc = target.pymalloc(context.job);
  if (!pymalloc) return std::unexpected(pymalloc.error());
  const auto runtime = target.runtime(context.job);
  if (!runtime) return std::unexpected(runtime.error());
  const auto census = target.census(context.job);
  if (!census) return std::unexpected(census.error());

  const image::Image& image = target.image();
  Report report = report_on(target, **census);
  report.main_name = "evidence";
  report.list_findings = true;
  report.add("target", "TARGET", target_values(image));
  if (*runtime != nullptr) report.add("python", "PYTHON", python_values(**runtime, image));
  report.add("allocators", "ALLOCATORS", allocator_values(**heaps, **pymalloc, image));

  EvidenceTable evidence;
  evidence.add("image", image.evidence);
  const auto add_findings = [&](const Findings& findings) {
    report.findings.insert(report.findings.end(), findings.begin(), findings.end());
  };
  for (const glibc::MallocHeap& heap : **heaps) {
    evidence.add("glibc", heap.evidence);
    add_findings(heap.findings);
  }
  evidence.add("pymalloc", (*pymalloc)->evidence);
  add_findings((*pymalloc)->findings);
  const auto other = target.other_allocator(context.job);
  if (!other) return std::unexpected(other.error());
  if (*other != nullptr) {
    evidence.add("other", (*other)->evidence);
    const auto closure = target.closure(context.job);
    if (!closure) return std::unexpected(closure.error());
    if (*closure != nullptr) evidence.add("other", {evidence_of(**closure)});
  }
  if (*runtime != nullptr) {
    evidence.add("python", (*runtime)->evidence);
    add_findings((*runtime)->findings);
  }
  report.add("evidence", "HOW IT WAS FOUND", evidence.table()).screen = evidence.screen();
  report.add("modules", "MODULES", module_table(image));
  report.add("threads", "THREADS", thread_table(image));
  report.next = {{"heap", "where the memory is"}, {"help kinds", "what rows can hold"}};
  return report;
}

}  // namespace

Command info_command() {
  return {
      .name = "info",
      .aliases = {},
      .summary = "what the target is, how each thing was found, what is damaged",
      .description =
          "The target, its Python and allocators, and for each of them the evidence: by which\n"
          "structure it was found, what confirmed it, and how sure that is. Findings are places\n"
          "where the target is damaged, cut off or contradictory.",
      .usage = "",
      .columns = EvidenceTable::columns(),
      .group = Group::where,
      .run = run};
}

}  // namespace coreheap::commands
