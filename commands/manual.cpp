// The manual: nothing in it is written twice.
#include "commands/manual.h"

#include <fmt/format.h>

#include "commands/figures.h"
#include "heapparse/census/kinds.h"

namespace coreheap::commands {

namespace {

std::string option_text(const OptionSpec& option) {
  std::string text;
  const std::string value = option.value.empty() ? "" : fmt::format(" {}", option.value);
  // The value stands behind both forms: GDB's side reads from here which options have one.
  if (option.letter) text += fmt::format("-{}{}, ", option.letter, value);
  return text + fmt::format("--{}{}", option.name, value);
}

std::string usage_of(const Command& command, std::string_view prefix) {
  std::string text = fmt::format("{}{}", prefix, command.name);
  if (!command.usage.empty()) text += fmt::format(" {}", command.usage);
  return text;
}

std::string joined(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

std::string line_of(const Command& command) {
  return fmt::format("  {:<10}  {}\n", command.name, command.summary);
}

constexpr Group kGroups[] = {Group::where,      Group::alive, Group::holders,
                             Group::allocators, Group::share, Group::manual};

void add_options(std::string& text, std::span<const OptionSpec> options) {
  std::size_t width = 0;
  for (const OptionSpec& option : options) width = std::max(width, option_text(option).size());
  for (const OptionSpec& option : options) {
    text += fmt::format("  {:<{}}  {}\n", option_text(option), width, option.help);
  }
}

}  // namespace

std::string manual_page(const Command& command, std::string_view prefix) {
  std::string text = fmt::format("{}\n  {}\n", usage_of(command, prefix), command.summary);
  if (!command.aliases.empty()) text += fmt::format("  also: {}\n", joined(command.aliases));
  if (!command.description.empty()) text += "\n" + wrapped(command.description, 0, 78);
  if (!command.columns.empty()) {
    text += "\nColumns\n";
    std::size_t width = 0;
    for (const Column& column : command.columns) width = std::max(width, column.name.size());
    for (const Column& column : command.columns) {
      text += fmt::format("  {:<{}}  {}\n", column.name, width, column.meaning);
    }
  }
  text += "\nOptions\n";
  add_options(text, options_of(command));
  text += fmt::format("\nCost: {}.\n", text_of(command.cost));
  return text;
}

std::string first_page(std::string_view prefix) {
  std::string text =
      "Where is the memory of a Python process, who holds it, what gives it back.\n\n";
  for (const Command* command : first_words()) text += line_of(*command);
  text += fmt::format(
      "\n{0}help COMMAND  one command      {0}help all    every command\n"
      "{0}help kinds    what rows hold\n",
      prefix.starts_with("coreheap") ? "coreheap " : prefix);
  return text;
}

std::string all_words(std::string_view) {
  std::string text;
  for (const Group group : kGroups) {
    std::string lines;
    for (const Command& command : all_commands()) {
      if (command.group != group || command.hidden) continue;
      lines += line_of(command);
      if (!command.aliases.empty()) {
        lines += fmt::format("  {:<10}  also: {}\n", "", joined(command.aliases));
      }
    }
    if (lines.empty()) continue;
    if (!text.empty()) text += '\n';
    text += fmt::format("{}\n{}", title_of(group), lines);
  }
  text += "\nEvery table\n";
  add_options(text, common_options());
  return text;
}

std::string kinds_page() {
  std::string text = "What a row holds: domain, kind, meaning\n";
  for (const census::KindInfo& info : census::all_kinds()) {
    const std::string_view kind = info.kind.empty() ? "(its type)" : info.kind;
    text += fmt::format("  {:<13}  {:<24}  {}\n", info.domain, kind, info.meaning);
  }
  text += "\nWhat a range holds: kind, line of the waterfall, meaning\n";
  for (const census::RangeKindInfo& info : census::all_range_kinds()) {
    text += fmt::format("  {:<17}  {:<14}  {}\n", info.name, info.waterfall, info.meaning);
  }
  return text;
}

std::string markdown() {
  std::string text =
      "# Commands\n\n"
      "<!-- Made by `coreheap help --markdown` from the table of commands; a test compares. -->\n\n"
      "The same words in GDB (`heap WORDS`) and in a shell (`coreheap PID|CORE WORDS`).\n";
  for (const Group group : kGroups) {
    text += fmt::format("\n## {}\n", title_of(group));
    for (const Command& command : all_commands()) {
      if (command.group != group || command.hidden) continue;
      text += fmt::format("\n### `{}`\n\n{}.", usage_of(command, ""), command.summary);
      if (!command.aliases.empty()) {
        text += " Also:";
        for (const std::string_view alias : command.aliases) text += fmt::format(" `{}`", alias);
        text += '.';
      }
      text += fmt::format(" Cost: {}.\n", text_of(command.cost));
      if (!command.description.empty()) text += "\n" + wrapped(command.description, 0, 98);
      if (!command.columns.empty()) {
        text += "\n| column | type | meaning |\n|---|---|---|\n";
        for (const Column& column : command.columns) {
          text += fmt::format("| `{}` | {} | {} |\n", column.name, name_of(column.type),
                              column.meaning);
        }
      }
      if (!command.options.empty()) {
        text += "\n| option | meaning |\n|---|---|\n";
        for (const OptionSpec& option : command.options) {
          text += fmt::format("| `{}` | {} |\n", option_text(option), option.help);
        }
      }
    }
  }
  text += "\n## Options of every table\n\n| option | meaning |\n|---|---|\n";
  for (const OptionSpec& option : common_options()) {
    std::string escaped;
    for (const char c : option_text(option)) {
      if (c == '|') escaped += '\\';
      escaped += c;
    }
    text += fmt::format("| `{}` | {} |\n", escaped, option.help);
  }
  text += "\n## Options of a target\n\n| option | meaning |\n|---|---|\n";
  for (const OptionSpec& option : target_options()) {
    text += fmt::format("| `{}` | {} |\n", option_text(option), option.help);
  }
  text +=
      "\n## Exit statuses\n\n"
      "| status | meaning |\n|---|---|\n"
      "| 0 | done |\n"
      "| 1 | no report could be made |\n"
      "| 2 | wrong usage |\n"
      "| 3 | done, but under 90 % of the allocators' bytes were covered, or the image is torn |\n"
      "| 4 | `verify` or `--fail-on` found something |\n"
      "| 130 | cancelled |\n";
  return text;
}

}  // namespace coreheap::commands
