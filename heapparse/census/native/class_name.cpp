#include "heapparse/census/native/class_name.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>

namespace coreheap::census {
namespace {

constexpr std::uint64_t kLongestText = 1 << 20;  // what the demangler may make for us to cut
constexpr std::size_t kLongestShown = 1000;

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The number of an S or T reference behind the letter: "_" is 0, "0_" 1, "Z_" 36. Moves `at` behind
// it.
std::optional<std::uint64_t> reference_number(std::string_view text, std::size_t& at) {
  std::uint64_t number = 0;
  bool digits = false;
  for (std::size_t i = at; i < text.size() && i < at + 5; ++i) {
    const char c = text[i];
    if (c == '_') {
      at = i + 1;
      return digits ? number + 1 : 0;
    }
    if (is_digit(c)) {
      number = number * 36 + static_cast<std::uint64_t>(c - '0');
    } else if (c >= 'A' && c <= 'Z') {
      number = number * 36 + static_cast<std::uint64_t>(c - 'A' + 10);
    } else {
      return std::nullopt;
    }
    digits = true;
  }
  return std::nullopt;
}

// Reads "<length><identifier>" at `at`; empty when there is none.
std::string_view identifier(std::string_view text, std::size_t& at) {
  std::size_t length = 0;
  std::size_t i = at;
  while (i < text.size() && is_digit(text[i]) && length <= text.size()) {
    length = length * 10 + static_cast<std::size_t>(text[i] - '0');
    ++i;
  }
  if (i == at || length == 0 || length > text.size() - i) return {};
  at = i + length;
  return text.substr(i, length);
}

// No less than what demangling can give. A component that reference k names was complete before, so
// it holds what stands before it, with references to components before k only.
std::uint64_t longest_text(std::string_view mangled) {
  constexpr std::uint64_t kTooLong = std::uint64_t{1} << 40;
  constexpr std::uint64_t kLongestWord = 80;  // "std::basic_string<char, …>" for "Ss"
  std::uint64_t plain = 0;
  std::map<std::uint64_t, std::uint64_t> uses;  // number -> how often it is referred to
  for (std::size_t at = 0; at < mangled.size();) {
    const char c = mangled[at];
    if (is_digit(c)) {
      const std::string_view word = identifier(mangled, at);
      if (word.empty()) ++at;
      plain += word.size() + 4;
      continue;
    }
    ++at;
    plain += kLongestWord;
    if (c != 'S' && c != 'T') continue;
    std::size_t behind = at;
    if (const auto number = reference_number(mangled, behind)) {
      // Template parameters are numbered apart; taken as referring to the last component of all.
      ++uses[c == 'S' ? *number : ~std::uint64_t{0}];
      at = behind;
    }
  }
  std::uint64_t total = plain;
  for (const auto& [number, count] : uses) {
    if (total > kTooLong / (count + 1)) return kTooLong;
    total += total * count;
  }
  return total;
}

// Names of the class and what encloses it, without template arguments: "a::b<...>::c".
std::string short_form(std::string_view mangled) {
  std::string text;
  std::size_t depth = 0;  // of template arguments and what is nested in them
  const auto append = [&](std::string_view word) {
    if (!text.empty()) text += "::";
    text += word;
  };
  std::size_t at = 0;
  if (mangled.starts_with('N')) at = 1;
  while (at < mangled.size() && text.size() < kLongestShown) {
    const char c = mangled[at];
    if (is_digit(c)) {
      const std::string_view word = identifier(mangled, at);
      if (word.empty()) break;
      if (depth == 0) append(word.starts_with("_GLOBAL__N") ? "(anonymous namespace)" : word);
      continue;
    }
    ++at;
    if (c == 'S' && at < mangled.size() && mangled[at] == 't') {
      if (depth == 0) append("std");
      ++at;
    } else if (c == 'S' && at < mangled.size()) {
      std::size_t behind = at;
      at = reference_number(mangled, behind) ? behind : at + 1;
    } else if (c == 'I') {
      if (depth++ == 0) text += "<...>";
    } else if (c == 'N' || c == 'J' || c == 'X' || c == 'L' || c == 'F' || c == 'Z') {
      if (depth == 0) break;
      ++depth;
    } else if (c == 'E') {
      if (depth == 0) break;
      --depth;
    } else if (depth == 0) {
      break;
    }
  }
  return text.empty() ? std::string(mangled.substr(0, kLongestShown)) : text;
}

}  // namespace

bool is_type_name(std::string_view mangled) {
  if (mangled.starts_with('*')) mangled.remove_prefix(1);  // local to its object file (GCC)
  if (mangled.empty() || mangled.size() > kLongestMangledName) return false;
  if (!is_digit(mangled[0]) && mangled[0] != 'N' && mangled[0] != 'S' && mangled[0] != 'Z') {
    return false;
  }
  return std::ranges::all_of(mangled, [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           c == '.' || c == '$' || static_cast<unsigned char>(c) >= 0x80;
  });
}

std::string readable_class_name(std::string_view mangled) {
  if (mangled.starts_with('*')) mangled.remove_prefix(1);
  if (!is_type_name(mangled) || longest_text(mangled) > kLongestText) return short_form(mangled);
  int status = -1;
  const std::string terminated(mangled);
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(terminated.c_str(), nullptr, nullptr, &status), &std::free);
  if (status != 0 || text == nullptr) return short_form(mangled);
  std::string_view shown = text.get();
  if (shown.size() <= kLongestShown) return std::string(shown);
  return std::string(shown.substr(0, kLongestShown)) + "...";
}

}  // namespace coreheap::census
