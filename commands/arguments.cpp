// Options, words, numbers.
#include "commands/arguments.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "commands/words.h"

namespace coreheap::commands {

std::optional<std::string_view> Arguments::value(std::string_view option) const {
  const auto found = values_.find(option);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

void Arguments::set(std::string_view option, std::string value) {
  values_.insert_or_assign(std::string(option), std::move(value));
}

namespace {

bool looks_like_option(std::string_view word) {
  return word.size() > 1 && word[0] == '-' && (word[1] < '0' || word[1] > '9');
}

}  // namespace

Result<Arguments> parse_arguments(std::span<const OptionSpec> options,
                                  std::span<const std::string> words, WordsAre words_are,
                                  const std::string& subject) {
  Arguments arguments;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--") {
      arguments.words.insert(arguments.words.end(),
                             words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
      break;
    }
    if (!looks_like_option(word)) {
      if (words_are == WordsAre::the_end) {
        arguments.words.assign(words.begin() + static_cast<std::ptrdiff_t>(i), words.end());
        break;
      }
      arguments.words.push_back(word);
      continue;
    }
    const bool is_long = word[1] == '-';
    const std::size_t equals = is_long ? word.find('=') : std::string::npos;
    const std::string name = is_long
                                 ? word.substr(2, equals == std::string::npos ? equals : equals - 2)
                                 : word.substr(1, 1);
    const auto spec = std::find_if(options.begin(), options.end(), [&](const OptionSpec& option) {
      return is_long ? option.name == name : option.letter != 0 && option.letter == name[0];
    });
    if (spec == options.end()) {
      std::vector<std::string> spelled;
      for (const OptionSpec& option : options) spelled.push_back("--" + std::string(option.name));
      std::string hint = suggestion("--" + name, {spelled.begin(), spelled.end()});
      return fail(ErrorCode::usage, subject, "no option " + word.substr(0, equals),
                  std::move(hint));
    }
    const std::string shown = "--" + std::string(spec->name);
    if (spec->value.empty()) {
      if (equals != std::string::npos || (!is_long && word.size() > 2)) {
        return fail(ErrorCode::usage, subject, shown + " takes no value");
      }
      arguments.set(spec->name, {});
    } else if (equals != std::string::npos) {
      arguments.set(spec->name, word.substr(equals + 1));
    } else if (!is_long && word.size() > 2) {
      arguments.set(spec->name, word.substr(2));
    } else if (i + 1 < words.size()) {
      arguments.set(spec->name, words[++i]);
    } else {
      return fail(ErrorCode::usage, subject,
                  shown + " needs a value (" + std::string(spec->value) + ")");
    }
  }
  return arguments;
}

Result<std::uint64_t> parse_number(std::string_view word, const std::string& subject) {
  int base = 10;
  std::string_view digits = word;
  if (word.starts_with("0x") || word.starts_with("0X")) {
    base = 16;
    digits.remove_prefix(2);
  }
  std::uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
    return fail(ErrorCode::usage, subject, "'" + std::string(word) + "' is no number",
                "decimal, or hex with 0x");
  }
  return number;
}

Result<Address> parse_address(std::string_view word) {
  const auto number = parse_number(word, "address");
  if (!number) return std::unexpected(number.error());
  return Address{*number};
}

Result<std::uint64_t> parse_size(std::string_view word, const std::string& subject) {
  std::size_t digits = word.find_first_not_of("0123456789.");
  if (word.starts_with("0x") || digits == std::string_view::npos) {
    if (word.find('.') == std::string_view::npos) return parse_number(word, subject);
    digits = word.size();
  }
  std::string unit;
  for (const char c : word.substr(digits)) unit += static_cast<char>(c | 0x20);
  constexpr std::string_view kUnits[] = {"", "k", "m", "g", "t"};
  int power = -1;
  for (int i = 0; i < 5; ++i) {
    const std::string u(kUnits[i]);
    if (unit == u || unit == u + "b" || (i > 0 && unit == u + "ib")) power = i;
  }
  const std::string_view text = word.substr(0, digits);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const double bytes = std::ldexp(number, 10 * std::max(power, 0));
  if (power < 0 || error != std::errc() || end != text.data() + text.size() || !(bytes < 9e18)) {
    return fail(ErrorCode::usage, subject, "'" + std::string(word) + "' is no size",
                "like 4096, 16KiB, 2M");
  }
  return static_cast<std::uint64_t>(bytes);
}

}  // namespace coreheap::commands
