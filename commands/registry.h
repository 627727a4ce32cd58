// The one table of commands. Both front ends, `help`, completion and docs/commands.md are made from
// it, so a word that works is a word that is documented.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/arguments.h"
#include "commands/report.h"
#include "commands/session.h"

namespace coreheap::commands {

enum class Group : std::uint8_t { where, alive, holders, allocators, share, manual };
std::string_view title_of(Group group);

// What a command needs to have worked out, so what it costs the first time.
enum class Cost : std::uint8_t { none, image, allocators, census, graph, dominators };
std::string_view text_of(Cost cost);

struct Context {
  Session& session;
  const Arguments& arguments;
  JobControl& job;
  Format format = Format::text;
};

struct Command {
  std::string_view name = {};
  std::vector<std::string_view> aliases = {};
  std::string_view summary = {};      // one line, no full stop
  std::string_view description = {};  // the rest of the manual: paragraphs, wrapped when shown
  std::string_view usage = {};        // words after the name: "ADDR [LEN]"
  std::size_t min_words = 0;
  std::size_t max_words = 0;
  // What follows the options is one text, taken as it was typed: quotes and bars stay.
  bool takes_text = false;
  // Its words are sets: addresses, types and queries. A line that reads as one query is one.
  bool takes_sets = false;
  std::vector<OptionSpec> options = {};  // of its own
  std::vector<Column> columns = {};      // of its main table; empty: it has none
  Completer completer = Completer::none;
  Group group = Group::where;
  Cost cost = Cost::census;
  bool needs_target = true;
  bool hidden = false;
  Format default_format = Format::text;
  Result<Report> (*run)(Context& context) = nullptr;

  bool is_table() const { return !columns.empty(); }
};

const std::vector<Command>& all_commands();
// By name or alias; nullptr when there is none.
const Command* find_command(std::string_view word);
// The error for a word that is no command, with the nearest ones.
Error no_such_command(std::string_view word);

// --format, --limit, --sort, --columns, -o.
std::span<const OptionSpec> common_options();
std::vector<OptionSpec> options_of(const Command& command);

// The up to eight words that `help` shows first.
std::vector<const Command*> first_words();

}  // namespace coreheap::commands
