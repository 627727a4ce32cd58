// Completion from the table of commands alone: no target is touched.
#include "commands/completion.h"

#include <algorithm>
#include <cctype>

#include "commands/words.h"
#include "querylang/named_queries.h"
#include "querylang/registry.h"

namespace coreheap::commands {

namespace {

void add_matching(std::vector<std::string>& found, std::string_view candidate,
                  std::string_view start) {
  if (candidate.starts_with(start)) found.emplace_back(candidate);
}

void add_commands(std::vector<std::string>& found, std::string_view start) {
  for (const Command& command : all_commands()) {
    if (command.hidden) continue;
    add_matching(found, command.name, start);
    for (const std::string_view alias : command.aliases) add_matching(found, alias, start);
  }
}

// Lists ("a,b,c") complete their last part.
void add_columns(std::vector<std::string>& found, const Command& command, std::string_view word) {
  const std::size_t comma = word.rfind(',');
  const std::string_view before = comma == std::string_view::npos ? "" : word.substr(0, comma + 1);
  const std::string_view start = word.substr(before.size());
  for (const Column& column : command.columns) {
    if (column.name.starts_with(start))
      found.push_back(std::string(before) + std::string(column.name));
  }
}

// The word at the end of a query; what stands before it in the same word of the line stays.
void add_query_words(std::vector<std::string>& found, std::string_view text) {
  std::size_t begin = text.size();
  while (begin > 0 && (std::isalnum(static_cast<unsigned char>(text[begin - 1])) != 0 ||
                       text[begin - 1] == '_')) {
    --begin;
  }
  const std::string_view before = text.substr(0, begin);
  const std::string_view start = text.substr(begin);
  if (start.empty() || before.ends_with('.') || before.ends_with('$')) return;
  const auto add = [&](std::string_view word, std::string_view behind = "") {
    if (word.starts_with(start)) {
      found.push_back(std::string(before) + std::string(word) + std::string(behind));
    }
  };
  for (const query::Attribute& a : query::attributes()) add(a.name);
  for (const query::Function& f : query::functions()) add(f.name, "(");
  for (const query::Aggregate& a : query::aggregates()) add(a.name, "(");
  for (const query::Source& s : query::sources()) add(s.name);
  for (const query::StageInfo& s : query::stages()) add(s.name.substr(0, s.name.find(' ')));
}

void add_values(std::vector<std::string>& found, const Command& command, Completer completer,
                std::string_view start) {
  switch (completer) {
    case Completer::command:
      add_commands(found, start);
      add_matching(found, "all", start);
      add_matching(found, "kinds", start);
      break;
    case Completer::format:
      for (const Format format : {Format::text, Format::json, Format::jsonl, Format::csv}) {
        add_matching(found, name_of(format), start);
      }
      break;
    case Completer::column:
      add_columns(found, command, start);
      break;
    case Completer::query_name:
      for (const query::NamedQuery& one : query::named_queries()) {
        add_matching(found, one.name, start);
      }
      break;
    case Completer::query:
      add_query_words(found, start);
      break;
    case Completer::none:
    case Completer::address:
    case Completer::file:
    case Completer::directory:
      break;
  }
}

}  // namespace

std::vector<std::string> completions(std::string_view line) {
  SplitLine split = split_line(line);
  std::vector<std::string>& words = split.words;
  const bool in_word = split.in_word;
  const std::string last = in_word && !words.empty() ? words.back() : std::string();
  if (in_word && !words.empty()) words.pop_back();

  std::vector<std::string> found;
  if (words.empty()) {
    add_commands(found, last);
  } else if (const Command* command = find_command(words[0])) {
    const std::vector<OptionSpec> options = options_of(*command);
    const auto option_named = [&](std::string_view word) -> const OptionSpec* {
      for (const OptionSpec& option : options) {
        const bool is_long = word.starts_with("--") && word.substr(2) == option.name;
        const bool is_short =
            option.letter && word.size() == 2 && word[0] == '-' && word[1] == option.letter;
        if (is_long || is_short) return &option;
      }
      return nullptr;
    };
    const std::size_t equals = last.find('=');
    const OptionSpec* before = words.size() > 1 ? option_named(words.back()) : nullptr;
    if (before != nullptr && !before->value.empty()) {
      add_values(found, *command, before->completer, last);
    } else if (last.starts_with("--") && equals != std::string::npos) {
      if (const OptionSpec* option = option_named(last.substr(0, equals))) {
        add_values(found, *command, option->completer, last.substr(equals + 1));
        for (std::string& value : found) value.insert(0, last.substr(0, equals + 1));
      }
    } else if (last.starts_with('-')) {
      for (const OptionSpec& option : options) {
        add_matching(found, "--" + std::string(option.name), last);
      }
    } else {
      add_values(found, *command, command->completer, last);
    }
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace coreheap::commands
