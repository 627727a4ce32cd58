// `types`: live objects by type.
//
// The sums over all types equal what `used` prints for the domain python: both are sums over the
// same rows.
#include <algorithm>
#include <map>

#include "commands/commands.h"
#include "commands/screens.h"

namespace coreheap::commands {

namespace {

struct TypeSum {
  std::uint64_t objects = 0;
  std::uint64_t own = 0;
  std::uint64_t buffers = 0;
  std::uint64_t total() const { return own + buffers; }
};

std::vector<Column> columns() {
  return {
      {"type", "", ColumnType::text, "module.qualname, bare for builtins"},
      {"objects", "", ColumnType::integer, "live objects of exactly this type"},
      {"own", "", ColumnType::bytes, "the objects' own allocations"},
      {"buffers", "", ColumnType::bytes, "allocations that belong to them: items, tables, bytes"},
      {"total", "", ColumnType::bytes, "own + buffers"},
  };
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
  const bool with_static = context.arguments.has("static");

  const auto counts = [&](census::RowId id) {
    return census.rows.holds_object(id) && census.rows.state(id) == census::State::used &&
           census.label_of(id).kind == census::Kind::python_object &&
           (with_static || census.rows.allocator(id) != census::Allocator::static_object);
  };
  std::vector<TypeSum> by_type(census.types.size());
  TypeSum all;
  for (std::uint32_t i = 0; i < census.rows.size(); ++i) {
    const census::RowId id{i};
    const std::uint64_t size = census.rows.size(id);
    if (counts(id)) {
      TypeSum& sum = by_type[census::index_of(census.rows.type(id))];
      ++sum.objects;
      sum.own += size;
    } else if (const census::RowId owner = census.rows.owner(id);
               owner != census::RowId::none && census.rows.holds_object(owner) &&
               census.rows.state(id) == census::State::used) {
      by_type[census::index_of(census.rows.type(owner))].buffers += size;
    }
  }
  std::map<std::string_view, TypeSum> by_name;  // a class made twice is one line
  for (std::size_t t = 0; t < by_type.size(); ++t) {
    if (by_type[t].objects == 0 && by_type[t].buffers == 0) continue;
    TypeSum& sum = by_name[census.types[t].name];
    for (TypeSum* to : {&sum, &all}) {
      to->objects += by_type[t].objects;
      to->own += by_type[t].own;
      to->buffers += by_type[t].buffers;
    }
  }
  std::vector<std::pair<std::string_view, TypeSum>> lines(by_name.begin(), by_name.end());
  std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) {
    return a.second.total() > b.second.total();
  });

  Table table;
  table.columns = columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const auto& [name, sum] : lines) {
    rows->add({Cell::of_text(name), Cell::of_count(sum.objects), Cell::of_count(sum.own),
               Cell::of_count(sum.buffers), Cell::of_count(sum.total())});
  }
  table.rows = rows;
  table.totals = {{"objects", Cell::of_count(all.objects)},
                  {"own", Cell::of_count(all.own)},
                  {"buffers", Cell::of_count(all.buffers)},
                  {"total", Cell::of_count(all.total())}};

  Report report = report_on(**target, census);
  report.add("types", "", std::move(table));
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
          "what waits on a free list, and, without --static, not what lies in a module's data.",
      .usage = "",
      .options = {{"static", 0, "", "count static objects too"}},
      .columns = columns(),
      .group = Group::alive,
      .run = run};
}

}  // namespace coreheap::commands
