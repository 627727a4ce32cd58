// Targets and commands told apart.
#include "cli/command_line.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "commands/manual.h"
#include "commands/registry.h"
#include "commands/words.h"

namespace coreheap::cli {

using commands::Arguments;
using commands::OptionSpec;

namespace {

const std::vector<OptionSpec>& option_table() {
  static const std::vector<OptionSpec> options = [] {
    std::vector<OptionSpec> all = {
        {"pid", 'p', "PID", "the target is this process"},
        {"core", 'c', "FILE", "the target is this core file", commands::Completer::file},
    };
    const auto of_target = commands::target_options();
    all.insert(all.end(), of_target.begin(), of_target.end());
    all.push_back({"version", 'V', "", "version of coreheap"});
    all.push_back({"help", 'h', "", "this page"});
    return all;
  }();
  return options;
}

// How many of the leading words are options of the program, their values included.
std::size_t leading_options(std::span<const std::string> words) {
  std::size_t i = 0;
  while (i < words.size()) {
    const std::string& word = words[i];
    const OptionSpec* found = nullptr;
    bool inline_value = false;
    for (const OptionSpec& option : option_table()) {
      const std::string name = "--" + std::string(option.name);
      if (word == name || word.starts_with(name + "=")) {
        found = &option;
        inline_value = word != name;
      }
    }
    if (found == nullptr) break;
    i += 1 + (!found->value.empty() && !inline_value ? 1 : 0);
  }
  return std::min(i, words.size());
}

bool is_number(const std::string& word) {
  return !word.empty() && word.size() < 12 &&
         std::all_of(word.begin(), word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string joined(std::span<const std::string> words) {
  std::string text = "coreheap ";
  for (const std::string& word : words) text += commands::quoted(word) + ' ';
  return text;
}

Result<void> choose_target(CommandLine& line, const std::string& word, const World& world) {
  const bool process = is_number(word) && world.is_process(std::stoull(word));
  const bool file = world.is_file(word);
  if (process) {
    line.pid = std::stoull(word);
    if (file) {
      line.note = fmt::format(
          "coreheap: {0} is a process and a file: taking the process (-c {0}: the file)", word);
    }
    return {};
  }
  if (file) {
    line.core = word;
    return {};
  }
  if (is_number(word)) {
    return fail(ErrorCode::no_such_target, word, "no such process, and no such file",
                "ps -e | grep python");
  }
  if (commands::find_command(word) != nullptr) {
    return fail(ErrorCode::usage, word, "which target?", fmt::format("coreheap PID|CORE {}", word));
  }
  return fail(ErrorCode::no_such_target, word, "neither a process nor a file",
              "coreheap PID|CORE [COMMAND]");
}

}  // namespace

std::span<const OptionSpec> program_options() { return option_table(); }

World this_machine() {
  const auto exists = [](const std::string& path) {
    struct stat status;
    return ::stat(path.c_str(), &status) == 0;
  };
  return {[exists](std::uint64_t pid) { return exists(fmt::format("/proc/{}", pid)); },
          [](const std::string& path) {
            struct stat status;
            return ::stat(path.c_str(), &status) == 0 && !S_ISDIR(status.st_mode);
          }};
}

Result<CommandLine> parse_command_line(const std::vector<std::string>& words, const World& world) {
  CommandLine line;
  const std::span<const std::string> all(words);
  const auto before =
      commands::parse_arguments(option_table(), all, commands::WordsAre::the_end, "coreheap");
  if (!before) return std::unexpected(before.error());
  Arguments arguments = *before;
  std::span<const std::string> rest = all.last(arguments.words.size());
  line.help = arguments.has("help");
  line.version = arguments.has("version");
  if (line.help || line.version) return line;
  if (arguments.has("pid") && arguments.has("core")) {
    return fail(ErrorCode::usage, "coreheap", "-p and -c name two targets", "one of them");
  }

  bool wants_target = true;
  if (const auto pid = arguments.value("pid")) {
    const auto number = commands::parse_number(*pid, "-p");
    if (!number) return std::unexpected(number.error());
    line.pid = *number;
  } else if (const auto core = arguments.value("core")) {
    line.core = std::string(*core);
  } else if (rest.empty()) {
    line.help = true;
    return line;
  } else if (const commands::Command* command = commands::find_command(rest[0]);
             command != nullptr && !command->needs_target) {
    wants_target = false;
  } else {
    if (auto chosen = choose_target(line, rest[0], world); !chosen) {
      return std::unexpected(chosen.error());
    }
    rest = rest.subspan(1);
    // Options of the program may stand behind the target too.
    const std::size_t count = leading_options(rest);
    const auto after = commands::parse_arguments(option_table(), rest.first(count),
                                                 commands::WordsAre::the_end, "coreheap");
    if (!after) return std::unexpected(after.error());
    for (const OptionSpec& option : option_table()) {
      if (const auto value = after->value(option.name)) {
        arguments.set(option.name, std::string(*value));
      }
    }
    rest = rest.subspan(count);
    line.help = arguments.has("help");
    line.version = arguments.has("version");
    if (line.help || line.version) return line;
    if (!rest.empty() && rest[0][0] != '-' && commands::find_command(rest[0]) == nullptr &&
        ((is_number(rest[0]) && world.is_process(std::stoull(rest[0]))) ||
         world.is_file(rest[0]))) {
      return fail(ErrorCode::usage, rest[0], "a second target: one at a time",
                  "coreheap " + rest[0]);
    }
  }
  line.words.assign(rest.begin(), rest.end());
  if (wants_target) {
    line.prefix = joined(all.first(all.size() - rest.size()));
  } else {
    // Pages of the manual name commands that want a target; the others go on without one.
    line.prefix = rest[0] == "help" ? "coreheap PID|CORE " : "coreheap ";
  }
  auto settings = commands::settings_from(arguments);
  if (!settings) return std::unexpected(settings.error());
  line.settings = std::move(*settings);
  return line;
}

std::string usage_text() {
  std::string text = "coreheap [OPTIONS] PID|CORE [COMMAND ...]\n\n" +
                     commands::first_page("coreheap ") + "\nOptions\n";
  std::size_t width = 0;
  const auto left = [](const OptionSpec& option) {
    const std::string value = option.value.empty() ? "" : " " + std::string(option.value);
    const std::string letter = option.letter ? fmt::format("-{}, ", option.letter) : "    ";
    return letter + "--" + std::string(option.name) + value;
  };
  for (const OptionSpec& option : option_table()) width = std::max(width, left(option).size());
  for (const OptionSpec& option : option_table()) {
    text += fmt::format("  {:<{}}  {}\n", left(option), width, option.help);
  }
  return text;
}

}  // namespace coreheap::cli
