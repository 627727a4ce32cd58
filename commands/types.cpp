// `types`: live objects by type.
//
// The sums over all types equal what `used` prints for the domain python: both are sums over the
// same rows.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>

#include "commands/commands.h"
#include "commands/screens.h"
#include "heapparse/usage/type_usage.h"

namespace coreheap::commands {

namespace {

using usage::TypeUsage;

std::vector<Column> columns() {
  return {
      {"type", "", ColumnType::text, "module.qualname, bare for builtins"},
      {"objects", "", ColumnType::integer, "live objects of exactly this type"},
      {"shallow", "", ColumnType::bytes, "sum of sys.getsizeof"},
      {"own", "", ColumnType::bytes, "the objects' own allocations"},
      {"buffers", "", ColumnType::bytes, "allocations that belong to them: items, tables, bytes"},
      {"total", "", ColumnType::bytes, "own + buffers"},
      {"notes", "", ColumnType::text, "where shallow is not what sys.getsizeof says, and why",
       false},
  };
}

std::string notes_of(const TypeUsage& sum) {
  std::string notes;
  if (sum.overridden != 0) notes = "the class has a __sizeof__ of its own; this is what C says";
  if (sum.unsized != 0) {
    notes += fmt::format("{}{} objects could not be read", notes.empty() ? "" : "; ", sum.unsized);
  }
  return notes;
}

Result<Report> run(Context& context) {
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto runtime = (*target)->runtime(context.job);
  if (!runtime) return std::unexpected(runtime.error());
  const auto stage = (*target)->census(context.job);
  if (!stage) return std::unexpected(stage.error());
  const census::Census& census = **stage;
  if (*runtime == nullptr && census.types.empty()) {
    return fail(ErrorCode::no_python, (*target)->image().source, "no CPython runtime is inside",
                "used  (what native blocks hold)");
  }
  const auto types = (*target)->types(context.job);
  if (!types) return std::unexpected(types.error());
  const auto by_type = usage::type_usage(census, (*target)->image().space, *runtime, *types,
                                         context.arguments.has("static"), context.job);
  if (!by_type) return std::unexpected(by_type.error());

  std::map<std::string_view, TypeUsage> by_name;  // a class made twice is one line
  TypeUsage all;
  for (std::size_t t = 0; t < by_type->size(); ++t) {
    const TypeUsage& one = (*by_type)[t];
    if (one.objects == 0 && one.buffers == 0) continue;
    by_name[census.types[t].name] += one;
    all += one;
  }
  std::vector<std::pair<std::string_view, TypeUsage>> lines(by_name.begin(), by_name.end());
  std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) {
    return a.second.total() > b.second.total();
  });

  const auto shallow = [&](const TypeUsage& sum) {
    return *runtime == nullptr ? Cell::absent() : Cell::of_count(sum.shallow);
  };
  std::string remarks;
  Table table;
  table.columns = columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const auto& [name, sum] : lines) {
    const std::string notes = notes_of(sum);
    rows->add({Cell::of_text(name), Cell::of_count(sum.objects), shallow(sum),
               Cell::of_count(sum.own), Cell::of_count(sum.buffers), Cell::of_count(sum.total()),
               notes.empty() ? Cell::absent() : Cell::of_text(notes)});
    if (!notes.empty()) remarks += fmt::format("  {}: {}\n", name, notes);
  }
  table.rows = rows;
  table.totals = {{"objects", Cell::of_count(all.objects)},
                  {"shallow", shallow(all)},
                  {"own", Cell::of_count(all.own)},
                  {"buffers", Cell::of_count(all.buffers)},
                  {"total", Cell::of_count(all.total())}};

  Report report = report_on(**target, census);
  report.add("types", "", std::move(table));
  if (!remarks.empty()) report.add_text("remarks", "REMARKS on shallow\n" + remarks);
  report.next = {{"types --sort objects", "the most numerous first"},
                 {"used", "everything in use, native memory too"},
                 {"export -o rows.csv", "every object, one a line"}};
  return report;
}

}  // namespace

Command types_command() {
  return {
      .name = "types",
      .aliases = {},
      .summary = "live objects by type, with the buffers they own",
      .description =
          "One line a type, the one with most bytes first. Only live objects in a heap count: not\n"
          "what waits on a free list, and, without --static, not what lies in a module's data.\n"
          "shallow is what sys.getsizeof says; own is what the objects take in their allocator,\n"
          "rounding included; each buffer counts once, with its one owner.",
      .usage = "",
      .options = {{"static", 0, "", "count static objects too"}},
      .columns = columns(),
      .group = Group::alive,
      .run = run};
}

}  // namespace coreheap::commands
