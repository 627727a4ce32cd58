// A command line as typed, split like a shell would: blanks separate, quotes and backslashes
// protect.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "heapparse/base/error.h"

namespace coreheap::commands {

struct SplitLine {
  std::vector<std::string> words;
  bool open_quote = false;  // the last word's quote is not closed (yet)
  bool in_word = false;     // the line ends inside the last word: completion goes on with it
};

SplitLine split_line(std::string_view line);

// Errors: usage, when a quote is left open.
Result<std::vector<std::string>> split_words(std::string_view line);

// For a command that takes a text: `line` behind the command's name, with options in front of the
// text and behind it taken off. Which words are options, and whether one takes a value, `is_option`
// says: 0 none, 1 a flag, 2 with a value. A text wholly in quotes loses them (as a shell would do).
struct TextLine {
  std::vector<std::string> options;
  std::string text;
};
TextLine split_text(std::string_view line, const std::function<int(std::string_view)>& is_option);

// The word so that a shell, or split_words, reads it back as one.
std::string quoted(std::string_view word);

// The known words that are most like `word`, the nearest first; none when nothing is near.
std::vector<std::string> nearest_words(std::string_view word,
                                       const std::vector<std::string_view>& known);
// "A", "A or B", or "" when nothing is near: what an error offers to try.
std::string suggestion(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace coreheap::commands
