// What the words after `coreheap` mean: options, a target, a command. Whether a word is a process
// or a file is asked of the caller, so that this can be tested without either.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "commands/arguments.h"
#include "commands/session.h"

namespace coreheap::cli {

// What is there on this machine.
struct World {
  std::function<bool(std::uint64_t)> is_process;
  std::function<bool(const std::string&)> is_file;
};

struct CommandLine {
  commands::Settings settings;
  std::optional<std::uint64_t> pid;
  std::optional<std::string> core;
  std::vector<std::string> words;  // the command's; empty: the first screen
  std::string prefix;              // what to type in front of another command on the same target
  std::string note;                // a decision that the user should know of; may be empty
  bool help = false;
  bool version = false;
};

std::span<const commands::OptionSpec> program_options();
Result<CommandLine> parse_command_line(const std::vector<std::string>& words, const World& world);
World this_machine();

// What `coreheap --help` prints.
std::string usage_text();

}  // namespace coreheap::cli
