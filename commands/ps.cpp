// `ps`: the Python processes of this machine, largest first.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/python_processes.h"

namespace coreheap::commands {

namespace {

std::vector<Column> columns() {
  return {
      {"pid", "", ColumnType::identifier, "process"},
      {"parent", "", ColumnType::identifier, "its parent", false},
      {"uid", "", ColumnType::identifier, "user that it runs as", false},
      {"pss", "", ColumnType::bytes, "its share of memory: pages divided by who maps them"},
      {"rss", "", ColumnType::bytes, "resident memory, shared pages counted whole"},
      {"version", "", ColumnType::text, "of CPython, by the names of its files"},
      {"allocators", "", ColumnType::text, "C allocators that it loads"},
      {"role", "", ColumnType::text, "what it is to its fellows, where that can be told"},
      {"command", "", ColumnType::text, "its command line"},
  };
}

// What is left of 80 columns for role and command together.
constexpr std::size_t kTextCommand = 60;

std::string command_of(const image::ListedProcess& process) {
  std::string text;
  for (const std::string& argument : process.arguments) {
    if (!text.empty()) text += ' ';
    text += argument;
  }
  return printable(text.empty() ? process.name : text);
}

Result<Report> run(Context& context) {
  auto processes = python_processes(image::list_processes());
  for (PythonProcess& one : processes) {
    if (context.job.cancelled()) return fail(ErrorCode::cancelled, "job", "cancelled");
    image::read_pss(one.process);
  }
  std::stable_sort(processes.begin(), processes.end(),
                   [](const PythonProcess& a, const PythonProcess& b) {
                     return a.process.rss.value_or(0) > b.process.rss.value_or(0);
                   });
  Table table;
  table.columns = columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  const auto text = [](const std::string& s) {
    return s.empty() ? Cell::absent() : Cell::of_text(s);
  };
  const auto bytes = [](const std::optional<std::uint64_t>& n) {
    return n ? Cell::of_count(*n) : Cell::absent();
  };
  for (const PythonProcess& one : processes) {
    std::string command = command_of(one.process);
    if (context.format == Format::text) {
      const std::size_t taken = one.allocators.size() + one.role.size();
      command =
          fitted(command, std::max<std::size_t>(12, kTextCommand - std::min(taken, kTextCommand)));
    }
    rows->add({Cell::of_count(one.process.pid), Cell::of_count(one.process.parent),
               Cell::of_count(one.process.uid), bytes(one.process.pss), bytes(one.process.rss),
               text(one.version), text(one.allocators), text(one.role), text(command)});
  }
  table.rows = rows;
  Report report;
  report.add("processes", "", std::move(table));
  if (!processes.empty()) {
    const std::uint64_t pid = processes.front().process.pid;
    report.next = {{fmt::format("doctor {}", pid), "whether the largest can be read"}};
  }
  return report;
}

}  // namespace

Command ps_command() {
  return {
      .name = "ps",
      .aliases = {},
      .summary = "Python processes of this machine, with memory and role",
      .description =
          "Processes that map an interpreter, by the names of their files: programs that embed\n"
          "Python are among them. The role is told from command lines and parents (gunicorn,\n"
          "celery, multiprocessing, forked children). Memory is not read; of processes of\n"
          "other users only root sees everything.",
      .usage = "",
      .columns = columns(),
      .group = Group::where,
      .cost = Cost::none,
      .needs_target = false,
      .run = run};
}

}  // namespace coreheap::commands
