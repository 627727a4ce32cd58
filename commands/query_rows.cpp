// Values to cells, the footer to a line.
#include "commands/query_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "commands/figures.h"
#include "commands/screens.h"
#include "commands/table_options.h"
#include "querylang/checker.h"
#include "querylang/run.h"

namespace coreheap::commands {

namespace {

ColumnType column_type(query::Type type) {
  switch (type) {
    case query::Type::integer:
      return ColumnType::integer;
    case query::Type::bytes:
      return ColumnType::bytes;
    case query::Type::number:
      return ColumnType::number;
    case query::Type::address:
      return ColumnType::address;
    case query::Type::boolean:
      return ColumnType::boolean;
    default:
      return ColumnType::text;
  }
}

Cell cell_of(const query::Value& value, ColumnType type) {
  switch (value.kind) {
    case query::Value::Kind::none:
      return Cell::absent();
    case query::Value::Kind::boolean:
      return Cell::of_boolean(value.bits != 0);
    case query::Value::Kind::integer:
      return Cell::of_integer(value.integer());
    case query::Value::Kind::number:
      // A mean of sizes is shown in whole bytes.
      if (type == ColumnType::bytes && std::abs(value.number()) < 9e18) {
        return Cell::of_integer(std::llround(value.number()));
      }
      return Cell::of_real(value.number());
    case query::Value::Kind::address:
    case query::Value::Kind::object:
      return Cell::of_address(Address{value.bits});
    case query::Value::Kind::text:
      return Cell::of_text(value.text);
  }
  return Cell::absent();
}

class QueryRows final : public RowSource {
 public:
  QueryRows(std::shared_ptr<const query::QueryResult> result, std::vector<ColumnType> types)
      : result_(std::move(result)), types_(std::move(types)) {}

  std::uint64_t size() const override { return result_->size(); }

  void fill(unsigned column, std::span<const std::uint64_t> rows, std::span<Cell> out,
            Texts& texts) const override {
    std::vector<query::Value> values(rows.size());
    query::TextStore made;
    result_->fill(column, rows, values, made);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      out[i] = cell_of(values[i], types_[column]);
      if (out[i].kind == Cell::Kind::text) out[i].text = texts.keep(std::string(out[i].text));
    }
  }

 private:
  std::shared_ptr<const query::QueryResult> result_;
  std::vector<ColumnType> types_;
};

Table table_of(const std::shared_ptr<const query::QueryResult>& result) {
  Table table;
  std::vector<ColumnType> types;
  for (const query::ResultColumn& column : result->columns()) {
    types.push_back(column_type(column.type));
    table.columns.push_back({column.name, "", types.back(), ""});
  }
  table.rows = std::make_shared<QueryRows>(result, std::move(types));
  return table;
}

void add_footer(Report& report, const query::QueryResult& result, std::uint64_t shown) {
  const query::Footer& footer = result.footer();
  const auto count = [](std::uint64_t n) { return with_thousands(static_cast<std::int64_t>(n)); };
  KeyValues values;
  values.count("matched", footer.matched);
  values.count("shown", shown);
  std::string line = fmt::format("{} rows matched", count(footer.matched));
  if (footer.matched == 1) line = "1 row matched";
  if (shown != footer.matched) line += fmt::format(", {} shown", count(shown));
  if (footer.bytes) {
    values.bytes("bytes", *footer.bytes);
    line += fmt::format("; {}", size_text(*footer.bytes));
    if (footer.heap_bytes != 0) {
      const double share =
          100.0 * static_cast<double>(*footer.bytes) / static_cast<double>(footer.heap_bytes);
      values.values.emplace_back("heap_percent", ColumnType::percent, Cell::of_number(share));
      line +=
          fmt::format(", {:.1f} % of the {} in allocators", share, size_text(footer.heap_bytes));
    }
  }
  values.values.emplace_back("seconds", ColumnType::number, Cell::of_real(footer.seconds));
  line += fmt::format("; {}\n", seconds_text(footer.seconds));
  std::string notes;
  for (const std::string& note : footer.notes) {
    line += wrapped("note: " + note, 0, 80);
    notes += (notes.empty() ? "" : "; ") + note;
  }
  values.text("notes", notes);
  report.add("summary", "", std::move(values)).screen = line;
}

Result<Report> wrong_query(const query::QueryError& error, std::string_view query, Format format) {
  const std::string text = to_text(error, query);
  // Fields only where the form has them; a line of CSV would be taken for a row.
  if (format == Format::text || format == Format::csv) {
    Error shown{ErrorCode::usage, "query", error.message, error.hint};
    shown.shown = text;
    return std::unexpected(std::move(shown));
  }
  Report report;
  KeyValues values;
  values.text("code", error.code);
  values.text("message", error.message);
  values.count("start", error.span.start);
  values.count("end", error.span.end);
  values.text("hint", error.hint);
  report.add("error", "", std::move(values));
  report.status = exit_status_of(ErrorCode::usage);
  report.error = text;
  return report;
}

std::string entry(std::string_view name, std::string_view meaning, std::string_view mark = "") {
  return fmt::format("  {:<16}  {}{}\n", name, meaning, mark);
}
std::string_view mark_of(query::Needs needs) {
  if (needs == query::Needs::two_snapshots) return " (needs two snapshots)";
  return "";
}

// What a query may look at.
Result<query::Heap> heap_of(Context& context) {
  const auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto census = (*target)->census(context.job);
  if (!census) return std::unexpected(census.error());
  const auto heaps = (*target)->heaps(context.job);
  if (!heaps) return std::unexpected(heaps.error());
  const auto pymalloc = (*target)->pymalloc(context.job);
  if (!pymalloc) return std::unexpected(pymalloc.error());
  const auto runtime = (*target)->runtime(context.job);
  if (!runtime) return std::unexpected(runtime.error());
  const auto types = (*target)->types(context.job);
  if (!types) return std::unexpected(types.error());

  Target* source = *target;
  return query::Heap{source->image(),
                     **census,
                     **heaps,
                     **pymalloc,
                     *runtime,
                     *types,
                     [source](JobControl& job) { return source->graph(job); },
                     [source](JobControl& job) { return source->dominators(job); }};
}

}  // namespace

Result<Report> query_report(Context& context, std::string_view text) {
  std::set<std::string, std::less<>> saved;
  for (const auto& [name, rows] : context.session.variables) saved.insert(name);
  auto plan = query::plan(text, saved);
  if (!plan) return wrong_query(plan.error(), text, context.format);

  const auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto heap = heap_of(context);
  if (!heap) return std::unexpected(heap.error());
  const auto result = query::run(std::move(*plan), *heap, context.session.variables, context.job);
  if (!result) return std::unexpected(result.error());

  Report report = report_on(**target, heap->census);
  if (!(*result)->explanation().empty()) {
    report.add_text("plan", (*result)->explanation());
    return report;
  }
  const auto request = table_request(*find_command("select"), context.arguments);
  if (!request) return std::unexpected(request.error());
  Table table = table_of(*result);
  // A limit that the query itself states is meant.
  table.cut_as_text = !(*result)->footer().cut;
  std::uint64_t shown = (*result)->size();
  if (request->limit) {
    shown = std::min(shown, *request->limit);
  } else if (context.format == Format::text && table.cut_as_text) {
    shown = std::min(shown, kTextLimit);
  }
  report.add("rows", "", std::move(table));
  add_footer(report, **result, shown);
  return report;
}

bool is_query(std::string_view word) {
  std::string text(word);
  // Parts of names: app.f.<locals>.Node.
  for (const std::string_view part : {"<locals>", "<lambda>"}) {
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part)) {
      text.erase(at, part.size());
    }
  }
  return text.find_first_of(" =<>~|()") != std::string::npos;
}

bool reads_as_query(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r\n";
  constexpr std::string_view kWords[] = {"and", "or", "not", "in", "is"};
  for (std::size_t at = line.find_first_not_of(kBlanks); at != std::string_view::npos;
       at = line.find_first_not_of(kBlanks, at)) {
    const std::size_t end = std::min(line.find_first_of(kBlanks, at), line.size());
    const std::string_view word = line.substr(at, end - at);
    // Quotes around a set are the shell's; what is in them is told later.
    if (word.starts_with('\'') || word.starts_with('"')) return false;
    if (is_query(word) || std::ranges::find(kWords, word) != std::end(kWords)) return true;
    at = end;
  }
  return false;
}

Result<std::vector<Address>> queried_addresses(Context& context, std::string_view text) {
  std::set<std::string, std::less<>> saved;
  for (const auto& [name, rows] : context.session.variables) saved.insert(name);
  auto plan = query::plan(std::string(text) + " | show addr", saved);
  if (!plan) {
    // The same query without what was put behind it, for the words and the caret.
    const auto given = query::plan(text, saved);
    if (given) {
      return fail(ErrorCode::usage, std::string(text), "a set is of blocks or objects",
                  "select " + std::string(text) + "  (its table)");
    }
    const auto shown = wrong_query(given.error(), text, Format::text);
    return std::unexpected(shown.error());
  }
  const auto heap = heap_of(context);
  if (!heap) return std::unexpected(heap.error());
  const auto result = query::run(std::move(*plan), *heap, context.session.variables, context.job);
  if (!result) return std::unexpected(result.error());
  std::vector<Address> found;
  std::vector<std::uint64_t> rows((*result)->size());
  std::iota(rows.begin(), rows.end(), std::uint64_t{0});
  std::vector<query::Value> cells(rows.size());
  query::TextStore texts;
  (*result)->fill(0, rows, cells, texts);
  found.reserve(cells.size());
  for (const query::Value& cell : cells) found.emplace_back(cell.bits);
  return found;
}

std::string query_language_page() {
  std::string text =
      "select QUERY: a condition, then stages behind bars.\n\n"
      "  size > 1K and type == \"dict\" | group by owner_type | limit 10\n"
      "  from objects | group by type show count(), sum(size)\n"
      "  type == \"app.Order\" and .status == \"open\" | show addr, .customer.name\n\n"
      "A bare word is a fact about a block, a leading dot a field of the object in it.\n"
      "Units K, M, G, T are of 1024; text stands in quotes; ~ is a regular expression,\n"
      "like a glob; is none, is not none, in (...), and, or, not; + - * / %.\n";
  text += "\nAttributes of blocks and objects\n";
  for (const query::Attribute& a : query::attributes()) {
    std::string mark(mark_of(a.needs));
    if (mark.empty() && a.cost == query::Cost::memory) mark = " (reads memory)";
    text += entry(a.name, a.meaning, mark);
  }
  text += "\nFunctions\n";
  for (const query::Function& f : query::functions()) {
    text += fmt::format("  {}\n      {}\n", f.usage, f.meaning);
  }
  text += "\nAggregates, behind group by\n";
  for (const query::Aggregate& a : query::aggregates()) {
    text += entry(fmt::format("{}({})", a.name, a.takes_value ? "VALUE" : ""), a.meaning,
                  mark_of(a.needs));
  }
  text += "\nSources: from ...\n";
  for (const query::Source& s : query::sources())
    text += entry(s.name, s.meaning, mark_of(s.needs));
  text += "  0xADDR, ...       the blocks that hold these addresses\n";
  text += "  $NAME             rows that were saved\n";
  text += "\nStages: | ...\n";
  for (const query::StageInfo& s : query::stages()) {
    text += fmt::format("  {}\n      {}{}\n", s.usage, s.meaning, mark_of(s.needs));
  }
  return text;
}

}  // namespace coreheap::commands
