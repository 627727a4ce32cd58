// The table of commands, in the order of the manual.
#include "commands/registry.h"

#include <algorithm>
#include <array>

#include "commands/commands.h"
#include "commands/words.h"

namespace coreheap::commands {

std::string_view title_of(Group group) {
  switch (group) {
    case Group::where:
      return "Where is the memory";
    case Group::alive:
      return "What is alive";
    case Group::holders:
      return "Who holds it";
    case Group::allocators:
      return "Allocators";
    case Group::share:
      return "Share";
    case Group::manual:
      return "Help";
  }
  return "";
}

std::string_view text_of(Cost cost) {
  switch (cost) {
    case Cost::none:
      return "nothing of the target is read";
    case Cost::image:
      return "the target is opened";
    case Cost::allocators:
      return "the allocators are walked";
    case Cost::census:
      return "one pass over the used memory";
    case Cost::graph:
      return "all references are followed";
    case Cost::dominators:
      return "all references are followed, and retained sizes summed up";
  }
  return "";
}

const std::vector<Command>& all_commands() {
  // One a line, in the order of `help`.
  // clang-format off
  static const std::vector<Command> commands = {
      heap_command(),
      rss_command(),
      fragmentation_command(),
      map_command(),
      info_command(),
      types_command(),
      select_command(),
      query_command(),
      leaks_command(),
      why_command(),
      referrers_command(),
      referents_command(),
      retained_command(),
      dominators_command(),
      reach_command(),
      whatif_command(),
      garbage_command(),
      orphans_command(),
      native_command(),
      pattern_command(),
      graph_command(),
      show_command(),
      value_command(),
      tracemalloc_command(),
      origin_command(),
      hexdump_command(),
      gc_command(),
      threads_command(),
      used_command(),
      free_command(),
      all_command(),
      sizes_command(),
      arenas_command(),
      arena_command(),
      bins_command(),
      pymalloc_command(),
      verify_command(),
      export_command(),
      ps_command(),
      doctor_command(),
      help_command(),
      version_command(),
  };
  // clang-format on
  return commands;
}

const Command* find_command(std::string_view word) {
  for (const Command& command : all_commands()) {
    if (command.name == word ||
        std::find(command.aliases.begin(), command.aliases.end(), word) != command.aliases.end()) {
      return &command;
    }
  }
  return nullptr;
}

Error no_such_command(std::string_view word) {
  std::vector<std::string_view> known;
  for (const Command& command : all_commands()) {
    if (command.hidden) continue;
    known.push_back(command.name);
    known.insert(known.end(), command.aliases.begin(), command.aliases.end());
  }
  std::string hint = suggestion(word, known);
  if (hint.empty()) hint = "help all";
  return {ErrorCode::no_such_command, std::string(word), "no such command", std::move(hint)};
}

std::span<const OptionSpec> common_options() {
  static constexpr std::array kCommon = {
      OptionSpec{"format", 0, "FORMAT", "text (cells cut at 200 columns), json, jsonl or csv",
                 Completer::format},
      OptionSpec{"limit", 0, "N|all", "rows shown (text: 20, other formats: all)"},
      OptionSpec{"sort", 0, "COLUMN[:asc|desc]", "order of the rows", Completer::column},
      OptionSpec{"columns", 0, "A,B,C", "columns shown, in this order", Completer::column},
      OptionSpec{"output", 'o', "FILE", "write the answer to a file", Completer::file},
  };
  return kCommon;
}

std::vector<OptionSpec> options_of(const Command& command) {
  std::vector<OptionSpec> options = command.options;
  for (const OptionSpec& option : common_options()) {
    const bool of_tables = option.name != "format" && option.name != "output";
    if (command.is_table() || !of_tables) options.push_back(option);
  }
  options.push_back({"help", 'h', "", "this page"});
  return options;
}

std::vector<const Command*> first_words() {
  // The eight that answer most questions; until all exist, the next best words stand in.
  constexpr std::size_t kWords = 8;
  constexpr std::array<std::string_view, 16> kBest = {
      "heap", "rss",  "leaks", "why",      "types",  "diff",   "save", "report",
      "info", "show", "used",  "pymalloc", "arenas", "export", "x",    "sizes"};
  std::vector<const Command*> words;
  for (const std::string_view word : kBest) {
    const Command* command = find_command(word);
    if (command != nullptr && words.size() < kWords) words.push_back(command);
  }
  return words;
}

}  // namespace coreheap::commands
