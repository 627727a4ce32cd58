// `select`: rows that a query asks for.
#include "commands/commands.h"
#include "commands/query_rows.h"

namespace coreheap::commands {

namespace {

Result<Report> run(Context& context) {
  const std::string text = context.arguments.words.empty() ? "" : context.arguments.words[0];
  auto report = query_report(context, text);
  if (!report || report->status != 0) return report;
  report->next = {{"query", "queries with names, to run and to learn from"},
                  {"help query", "every attribute, function, source and stage"}};
  return report;
}

}  // namespace

Command select_command() {
  return {
      .name = "select",
      .aliases = {},
      .summary = "blocks and objects that a query asks for",
      .description =
          "QUERY is a condition, then stages behind bars: size > 1K and kind == \"str\" | group "
          "by\n"
          "module. Without one, everything in use. A bare word is a fact about the block, a "
          "leading\n"
          "dot a field of the object in it. In a shell the query is one argument, in single "
          "quotes;\n"
          "in GDB it is typed as it is. The columns are those that the query shows. `explain` as\n"
          "a last stage says how it would run. `help query` lists every word.",
      .usage = "[QUERY]",
      .max_words = 1,
      .takes_text = true,
      .options = {},
      .columns = {{"(of the query)", "", ColumnType::text, "what `show` or `group by` name"}},
      .completer = Completer::query,
      .group = Group::where,
      .run = run};
}

}  // namespace coreheap::commands
