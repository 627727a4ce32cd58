// `query`: queries that have a name.
#include <fmt/format.h>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/query_rows.h"
#include "commands/words.h"
#include "querylang/named_queries.h"

namespace coreheap::commands {

namespace {

std::vector<Column> columns() {
  return {{"name", "", ColumnType::text, "word that runs it"},
          {"title", "", ColumnType::text, "what it answers"},
          {"query", "", ColumnType::text, "its text", false}};
}

Result<Report> list() {
  Report report;
  Table table;
  table.columns = columns();
  table.cut_as_text = false;
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const query::NamedQuery& one : query::named_queries()) {
    rows->add({Cell::of_text(one.name), Cell::of_text(one.title), Cell::of_text(one.text)});
  }
  table.rows = rows;
  report.add("queries", "", std::move(table));
  report.next = {{"query NAME", "prints its text and runs it"},
                 {"select QUERY", "a query of your own"}};
  return report;
}

Result<Report> run(Context& context) {
  if (context.arguments.words.empty()) return list();
  const std::string& name = context.arguments.words[0];
  const query::NamedQuery* named = query::find_named_query(name);
  if (named == nullptr) {
    std::vector<std::string_view> known;
    for (const query::NamedQuery& one : query::named_queries()) known.push_back(one.name);
    std::string hint = suggestion(name, known);
    return fail(ErrorCode::usage, name, "no such query", hint.empty() ? "query" : std::move(hint));
  }
  auto report = query_report(context, named->text);
  if (!report || report->status != 0) return report;
  Section text{"query",
               "",
               TextBlock{fmt::format("{}\n\n{}\n", named->title, wrapped(named->text, 2, 80))},
               {}};
  report->sections.insert(report->sections.begin(), std::move(text));
  report->next = {{"select " + quoted(named->text), "the same, to change"},
                  {"query", "the other queries"}};
  return report;
}

}  // namespace

Command query_command() {
  return {
      .name = "query",
      .aliases = {},
      .summary = "queries that have a name: lists them, runs one",
      .description =
          "Without a name the list. With one it prints the query's text, which `select` takes,\n"
          "and runs it.",
      .usage = "[NAME]",
      .max_words = 1,
      .options = {},
      .columns = columns(),
      .completer = Completer::query_name,
      .group = Group::where,
      .run = run};
}

}  // namespace coreheap::commands
