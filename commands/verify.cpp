// `verify`: everything in the target that contradicts something else in it.
//
// Each part of the engine leaves findings as it reads; this command asks all of them, then holds
// the objects against each other. In a sound process there is nothing to find: exit status 4 says
// that there was damage.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/screens.h"
#include "heapparse/census/build.h"
#include "heapparse/python/gc_state.h"
#include "heapparse/usage/object_check.h"

namespace coreheap::commands {

namespace {

std::vector<Column> columns() {
  return {{"address", "", ColumnType::address, "where; empty when it concerns the whole target"},
          {"severity", "", ColumnType::text, "damage, warning or note"},
          {"part", "", ColumnType::text,
           "who found it: image, glibc, pymalloc, python, gc, tracemalloc, census, objects"},
          {"what", "", ColumnType::text, "the same words for the same fault"},
          {"evidence", "", ColumnType::text, "what was read, what was expected"}};
}

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::damage:
      return "damage";
  }
  return "";
}

class FindingTable {
 public:
  void add(std::string_view part, const Findings& findings) {
    for (const Finding& f : findings) {
      rows_->add({f.address ? Cell::of_address(f.address) : Cell::absent(),
                  Cell::of_text(name_of(f.severity)), Cell::of_text(part), Cell::of_text(f.what),
                  f.evidence.empty() ? Cell::absent() : Cell::of_text(f.evidence)});
      if (f.severity == Severity::damage) ++damage_;
    }
  }
  std::uint64_t damage() const { return damage_; }
  std::uint64_t size() const { return rows_->size(); }
  Table table() const {
    Table table;
    table.columns = columns();
    table.rows = rows_;
    return table;
  }

 private:
  std::shared_ptr<FixedRows> rows_ = std::make_shared<FixedRows>(5);
  std::uint64_t damage_ = 0;
};

Result<Report> run(Context& context) {
  auto opened = context.session.target(context.job);
  if (!opened) return std::unexpected(opened.error());
  Target& target = **opened;
  const image::Image& image = target.image();
  const auto heaps = target.heaps(context.job);
  if (!heaps) return std::unexpected(heaps.error());
  const auto pymalloc = target.pymalloc(context.job);
  if (!pymalloc) return std::unexpected(pymalloc.error());
  const auto runtime = target.runtime(context.job);
  if (!runtime) return std::unexpected(runtime.error());
  const auto census = target.census(context.job);
  if (!census) return std::unexpected(census.error());

  FindingTable findings;
  findings.add("image", image.findings);
  for (const glibc::MallocHeap& heap : **heaps) findings.add("glibc", heap.findings);
  findings.add("pymalloc", (*pymalloc)->findings);
  findings.add("census", (*census)->findings);
  findings.add("census", census::check(**census, image));

  KeyValues checked;
  checked.count("rows", (*census)->rows.size());
  if (*runtime != nullptr && (*runtime)->layout != nullptr) {
    findings.add("python", (*runtime)->findings);
    const auto types = target.types(context.job);
    if (!types) return std::unexpected(types.error());
    const auto states = python::find_gc_states(image, **runtime);
    const auto members = python::GcMembers::walk(image, **runtime, states, context.job);
    if (!members) return std::unexpected(members.error());
    findings.add("gc", states.findings);
    findings.add("gc", members->findings());
    const auto traces = target.tracemalloc(context.job);
    if (!traces) return std::unexpected(traces.error());
    if (*traces != nullptr) findings.add("tracemalloc", (*traces)->findings);
    const auto objects = usage::check_objects(**census, image, **runtime, **types, context.job);
    if (!objects) return std::unexpected(objects.error());
    findings.add("objects", objects->findings);
    checked.count("objects", objects->objects);
    checked.count("references", objects->references);
    if (objects->found > objects->findings.size()) {
      checked.count("not_listed", objects->found - objects->findings.size(), "not listed");
    }
  }
  checked.count("damage", findings.damage());

  Report report = report_on(target, **census);
  report.findings.clear();  // they are the table
  report.main_name = "findings";
  report.status = findings.damage() != 0 ? 4 : 0;
  report.add("checked", "CHECKED", std::move(checked));
  Section& section = report.add("findings", "FINDINGS", findings.table());
  if (findings.size() == 0) section.screen = "  nothing contradicts itself\n";
  report.next = {{"info", "how each thing was found"}, {"heap", "where the memory is"}};
  return report;
}

}  // namespace

Command verify_command() {
  return {.name = "verify",
          .aliases = {},
          .summary = "damage: what contradicts itself in allocators and objects",
          .description =
              "Everything that does not fit together: chunks, lists and pools of the allocators, "
              "lists\n"
              "of the collector, references that lead to freed memory or to no object. Notes and\n"
              "warnings (what the target lacks) are listed too. Exit status 4: there is damage.",
          .usage = "",
          .columns = columns(),
          .group = Group::allocators,
          .run = run};
}

}  // namespace coreheap::commands
