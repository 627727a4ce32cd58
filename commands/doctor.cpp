// `doctor`: whether a live process can be read, access by access, with the cure of each refusal.
#include <fmt/format.h>

#include <algorithm>

#include "commands/commands.h"
#include "commands/figures.h"
#include "heapparse/image/access_checks.h"

namespace coreheap::commands {

namespace {

using image::AccessCheck;

constexpr std::size_t kWidth = 80;

std::vector<Column> columns() {
  return {
      {"check", "", ColumnType::text, "what was tried"},
      {"result", "", ColumnType::text, "ok, note (works in part) or refused"},
      {"detail", "", ColumnType::text, "what the kernel says"},
      {"cure", "", ColumnType::text, "one line that would change it"},
  };
}

// Long details and cures want lines of their own.
std::string screen_of(const std::vector<AccessCheck>& checks) {
  std::string text;
  for (const AccessCheck& check : checks) {
    const std::string head = fmt::format("{:<8} {:<11} ", image::name_of(check.state), check.name);
    std::string body = wrapped(printable(check.detail), head.size(), kWidth);
    text += head + body.substr(std::min(head.size(), body.size()));
    if (!check.cure.empty()) {
      text += std::string(head.size(), ' ') + "cure: " + printable(check.cure) + "\n";
    }
  }
  return text;
}

Result<Report> run(Context& context) {
  // Without a word, the process that is the target, which need not be opened for it.
  constexpr std::string_view kProcess = "pid ";
  std::string_view word = context.session.target_name();
  if (word.starts_with(kProcess)) word.remove_prefix(kProcess.size());
  if (!context.arguments.words.empty()) word = context.arguments.words[0];
  if (word.empty()) {
    return fail(ErrorCode::usage, "doctor", "which process?", "doctor PID");
  }
  const auto pid = parse_number(word, "doctor");
  if (!pid) return std::unexpected(pid.error());
  image::OpenOptions options;
  if (const auto spill = context.arguments.value("spill")) options.spill_directory = *spill;
  const auto checks = image::check_access(*pid, options);

  Table table;
  table.columns = columns();
  table.cut_as_text = false;
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  std::size_t refusals = 0;
  for (const AccessCheck& check : checks) {
    rows->add({Cell::of_text(check.name), Cell::of_text(image::name_of(check.state)),
               Cell::of_text(check.detail),
               check.cure.empty() ? Cell::absent() : Cell::of_text(check.cure)});
    if (check.state == AccessCheck::State::refused) ++refusals;
  }
  table.rows = rows;
  Report report;
  report.target = fmt::format("pid {}", *pid);
  report.add("checks", "", std::move(table)).screen = screen_of(checks);
  report.add_text("verdict", refusals == 0
                                 ? fmt::format("pid {} can be read.\n", *pid)
                                 : fmt::format("pid {} cannot be read: {} of {} checks refused.\n",
                                               *pid, refusals, checks.size()));
  report.status = refusals == 0 ? 0 : 4;
  report.next = {{"ps", "Python processes of this machine"}};
  return report;
}

}  // namespace

Command doctor_command() {
  return {.name = "doctor",
          .aliases = {},
          .summary = "whether a live process can be read, and the cure where not",
          .description =
              "Tries each access that reading a process needs, without stopping it: user and\n"
              "capabilities, dumpable, yama, seccomp, other tracers, namespaces, the files of\n"
              "/proc, ptrace, memory left by the machine and its control groups, and how long\n"
              "the process would stand still. Prints, for each refusal, the one line that cures\n"
              "it. Exit status 4 when anything is refused.",
          .usage = "[PID]",
          .max_words = 1,
          .options = {{"spill", 0, "DIR", "room there instead of in memory", Completer::directory}},
          .columns = columns(),
          .group = Group::where,
          .cost = Cost::none,
          .needs_target = false,
          .run = run};
}

}  // namespace coreheap::commands
