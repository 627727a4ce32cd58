// `export`: the census itself, one line a row, as fast as it can be written.
#include "commands/census_rows.h"
#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/heapsnapshot.h"
#include "commands/reference_rows.h"
#include "commands/screens.h"
#include "commands/sited_rows.h"
#include "commands/trace_reports.h"

namespace coreheap::commands {

namespace {

Result<std::uint64_t> max_value_of(const Arguments& arguments) {
  const auto value = arguments.value("max-value");
  if (!value) return kMaxValue;
  if (*value == "all") return UINT64_MAX;
  return parse_number(*value, "--max-value");
}

// More than this DevTools hardly loads.
constexpr std::uint64_t kMostNodes = 2'000'000;

Result<Report> snapshot_report(Context& context) {
  std::uint64_t most = kMostNodes;
  if (const auto word = context.arguments.value("max-nodes")) {
    const auto number = parse_number(*word, "--max-nodes");
    if (!number) return std::unexpected(number.error());
    most = *number;
  }
  auto view = GraphView::open(context);
  if (!view) return std::unexpected(view.error());
  auto written = heap_snapshot(**view, most, context.job);
  if (!written) return std::unexpected(written.error());
  Report report = report_on((*view)->target(), (*view)->census());
  KeyValues facts;
  facts.count("nodes", written->nodes);
  facts.count("edges", written->edges);
  facts.count("folded", written->folded);
  facts.bytes("bytes", written->text.size());
  report.add("heapsnapshot", "", std::move(facts));
  report.picture = std::move(written->text);
  report.picture_ending = ".heapsnapshot";
  report.next = {
      {"export --heapsnapshot -o heap.heapsnapshot", "the file for DevTools and memlab"}};
  return report;
}

std::vector<Column> closure_columns() {
  return {{"object", "", ColumnType::address, "id() of the object"},
          {"type", "", ColumnType::text, "its type"}};
}

class ClosureRows final : public RowSource {
 public:
  ClosureRows(const python::Closure& closure, const python::TypeTable& types)
      : closure_(closure), types_(types) {}
  std::uint64_t size() const override { return closure_.objects.size(); }
  void fill(unsigned column, std::span<const std::uint64_t> rows, std::span<Cell> out,
            Texts&) const override {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const python::ClosureObject& object = closure_.objects[rows[i]];
      out[i] =
          column == 0 ? Cell::of_address(object.address) : Cell::of_text(types_[object.type].name);
    }
  }

 private:
  const python::Closure& closure_;
  const python::TypeTable& types_;
};

Result<Report> run(Context& context) {
  if (context.arguments.has("heapsnapshot")) return snapshot_report(context);
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto census = (*target)->census(context.job);
  if (!census) return std::unexpected(census.error());
  const auto runtime = (*target)->runtime(context.job);
  if (!runtime) return std::unexpected(runtime.error());
  const auto types = (*target)->types(context.job);
  if (!types) return std::unexpected(types.error());

  const auto max_value = max_value_of(context.arguments);
  if (!max_value) return std::unexpected(max_value.error());

  Report report = report_on(**target, **census);
  Table table;
  if (context.arguments.has("ranges")) {
    table.columns = range_columns();
    table.rows = census_ranges(**census, (*target)->image());
  } else if (context.arguments.has("closure")) {
    const auto closure = (*target)->closure(context.job);
    if (!closure) return std::unexpected(closure.error());
    if (*closure == nullptr) {
      return fail(ErrorCode::no_python, (*target)->image().source, "no CPython runtime is inside");
    }
    table.columns = closure_columns();
    table.rows = std::make_shared<ClosureRows>(**closure, **types);
  } else if (context.arguments.has("references")) {
    if (*types == nullptr) {
      return fail(ErrorCode::no_python, (*target)->image().source, "no CPython runtime is inside");
    }
    auto rows = reference_rows((*target)->image(), **census, **runtime, **types, context.job);
    if (!rows) return std::unexpected(rows.error());
    table.columns = reference_columns();
    table.rows = *rows;
  } else {
    table.columns = row_columns();
    table.rows =
        census_rows(**census, (*target)->image(), *runtime, *types, std::nullopt, *max_value);
    if (context.arguments.has("sites")) {
      const auto traces = traces_of(context, **target);
      if (!traces) return std::unexpected(traces.error());
      const auto columns = static_cast<unsigned>(table.columns.size());
      table.rows = with_sites(std::move(table.rows), columns, **census, **traces);
      table.columns.push_back(site_column());
    }
  }
  report.add("rows", "", std::move(table));
  report.next = {{"export -o rows.csv", "all of it, as CSV"}, {"used", "summed by kind"}};
  return report;
}

}  // namespace

Command export_command() {
  return {
      .name = "export",
      .aliases = {},
      .summary = "every block as a line of CSV, JSON lines or JSON",
      .description =
          "One line an innermost allocation, by address: used, cached and free. Sizes are bytes,\n"
          "addresses 0x hex. A glibc block takes [address-8, address-8+size), every other one\n"
          "[address, address+size). With --ranges the bytes that are no block: headers, slack,\n"
          "gaps, stacks, files. Blocks and ranges together are every mapping, byte for byte. With\n"
          "--references one line an edge of the object graph; `skipped` says why\n"
          "gc.get_referents does not list one that it passes over. With --closure what can be\n"
          "reached from the interpreter by references, whatever allocator it lies in. Values of\n"
          "objects are written only where asked for: --columns object,type,value. With\n"
          "--heapsnapshot and -o FILE.heapsnapshot the graph as Chrome DevTools and memlab load\n"
          "it, without contents; beyond --max-nodes objects, those that refer to nothing are part\n"
          "of who refers to them.",
      .usage = "",
      .options = {{"ranges", 0, "",
                   "what is no block, instead: begin, end, size, kind, cause, mapping"},
                  {"closure", 0, "", "objects that the interpreter reaches, instead: object, type"},
                  {"references", 0, "",
                   "references between objects, instead: holder, target, name, skipped"},
                  {"heapsnapshot", 0, "", "the graph for Chrome DevTools, as -o FILE.heapsnapshot"},
                  {"max-nodes", 0, "N", "of a heapsnapshot (2000000)"},
                  {"sites", 0, "",
                   "one column more: file:line that allocated it, if tracemalloc was on"},
                  {"max-value", 0, "N|all", "characters at which a value is cut (1000000)"}},
      .columns = row_columns(),
      .group = Group::share,
      .default_format = Format::csv,
      .run = run};
}

}  // namespace coreheap::commands
