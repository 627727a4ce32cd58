// `help`: the manual.
#include "commands/commands.h"
#include "commands/manual.h"
#include "commands/query_rows.h"

namespace coreheap::commands {

namespace {

Result<Report> run(Context& context) {
  const std::string& prefix = context.session.prefix;
  Report report;
  if (context.arguments.has("markdown")) {
    report.add_text("manual", markdown());
    return report;
  }
  if (context.arguments.words.empty()) {
    report.add_text("manual", first_page(prefix));
    return report;
  }
  const std::string& word = context.arguments.words[0];
  if (word == "all") {
    report.add_text("manual", all_words(prefix));
  } else if (word == "kinds") {
    report.add_text("manual", kinds_page());
  } else if (word == "query") {
    report.add_text("manual", manual_page(*find_command("query"), prefix));
    report.add_text("language", query_language_page());
  } else if (const Command* command = find_command(word)) {
    report.add_text("manual", manual_page(*command, prefix));
  } else {
    return std::unexpected(no_such_command(word));
  }
  return report;
}

}  // namespace

Command help_command() {
  return {.name = "help",
          .aliases = {},
          .summary = "what there is; one command; `all` of them; `kinds` of rows",
          .description = "",
          .usage = "[COMMAND|all|kinds]",
          .max_words = 1,
          .options = {{"markdown", 0, "", "the whole manual as Markdown"}},
          .columns = {},
          .completer = Completer::command,
          .group = Group::manual,
          .cost = Cost::none,
          .needs_target = false,
          .run = run};
}

}  // namespace coreheap::commands
