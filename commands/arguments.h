// The words of a command line against a table of options: one parser for the program's own options,
// each command's, and the option strings of the C interface, so that all of them behave and
// complain alike.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "heapparse/base/address.h"
#include "heapparse/base/error.h"

namespace coreheap::commands {

// What completes a word.
enum class Completer : std::uint8_t {
  none,
  command,
  format,
  column,
  address,
  file,
  directory,
  query,       // a text in the query language
  query_name,  // one of the named ones
};

struct OptionSpec {
  std::string_view name;   // without the dashes
  char letter = 0;         // short form, 0: none
  std::string_view value;  // what the help calls its value; empty: a flag
  std::string_view help;
  Completer completer = Completer::none;
};

class Arguments {
 public:
  std::vector<std::string> words;

  bool has(std::string_view option) const { return values_.contains(option); }
  std::optional<std::string_view> value(std::string_view option) const;
  void set(std::string_view option, std::string value);

 private:
  std::map<std::string, std::string, std::less<>> values_;
};

enum class WordsAre : std::uint8_t {
  anywhere,  // options may follow words
  the_end,   // the first word ends the options; it and the rest are words
};

// "--name VALUE", "--name=VALUE", "-nVALUE", "-n VALUE", "--". The last of two equal options wins.
// `subject` names the command in errors. Errors: usage.
Result<Arguments> parse_arguments(std::span<const OptionSpec> options,
                                  std::span<const std::string> words, WordsAre words_are,
                                  const std::string& subject);

// 0x hex or decimal; the whole word.
Result<std::uint64_t> parse_number(std::string_view word, const std::string& subject);
Result<Address> parse_address(std::string_view word);
// A count, "1k" … with binary units for sizes: 4096, 0x1000, 16KiB, 2M, 1.5G.
Result<std::uint64_t> parse_size(std::string_view word, const std::string& subject);

}  // namespace coreheap::commands
