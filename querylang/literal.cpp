// Reading literals; the distance of words.
#include "querylang/literal.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>

namespace coreheap::query {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Calls emit(character, offset in `quoted` it comes from).
template <class Emit>
void read_quoted(std::string_view quoted, Emit&& emit) {
  for (std::size_t i = 1; i + 1 < quoted.size(); ++i) {
    const std::size_t origin = i;
    char c = quoted[i];
    if (c == '\\' && i + 2 < quoted.size()) {
      const char next = quoted[i + 1];
      const std::size_t at = std::string_view("ntr\\\"'").find(next);
      if (at != std::string_view::npos) {
        c = "\n\t\r\\\"'"[at];
        ++i;
      } else if (next == 'x' && i + 4 < quoted.size() && hex_digit(quoted[i + 2]) >= 0 &&
                 hex_digit(quoted[i + 3]) >= 0) {
        c = static_cast<char>(hex_digit(quoted[i + 2]) * 16 + hex_digit(quoted[i + 3]));
        i += 3;
      }
    }
    emit(c, origin);
  }
}

std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  std::vector<std::size_t> before = row;
  std::vector<std::size_t> two_before = row;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    two_before = before;
    before = row;
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({before[j] + 1, row[j - 1] + 1, before[j - 1] + (a[i - 1] != b[j - 1])});
      // Two letters that changed places are one mistake.
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], two_before[j - 2] + 1);
      }
    }
  }
  return row[b.size()];
}

}  // namespace

Number read_number(std::string_view digits) {
  Number number;
  std::string plain;
  for (const char c : digits) {
    if (c != '_') plain += c;
  }
  const char* end = plain.data() + plain.size();
  if (plain.size() > 2 && (plain[1] == 'x' || plain[1] == 'X')) {
    number.is_hex = true;
    number.overflow = std::from_chars(plain.data() + 2, end, number.integer, 16).ec != std::errc();
    number.real = static_cast<double>(number.integer);
    return number;
  }
  if (plain.find_first_not_of("0123456789") == std::string::npos) {
    number.overflow = std::from_chars(plain.data(), end, number.integer).ec != std::errc();
    number.real = static_cast<double>(number.integer);
    return number;
  }
  number.is_integer = false;
  number.overflow = std::from_chars(plain.data(), end, number.real).ec != std::errc();
  return number;
}

std::optional<std::uint64_t> bytes_of_unit(std::string_view unit) {
  constexpr std::string_view kLetters = "KMGT";
  if (unit == "B") return 1;
  if (unit.size() != 1 && !(unit.size() == 3 && unit.substr(1) == "iB")) return std::nullopt;
  const std::size_t power = kLetters.find(unit[0]);
  if (power == std::string_view::npos) return std::nullopt;
  return std::uint64_t{1} << (10 * (power + 1));
}

std::string unquoted(std::string_view quoted) {
  std::string text;
  read_quoted(quoted, [&](char c, std::size_t) { text += c; });
  return text;
}

std::size_t origin_of(std::string_view quoted, std::size_t offset) {
  std::size_t origin = quoted.empty() ? 0 : quoted.size() - 1;
  std::size_t count = 0;
  read_quoted(quoted, [&](char, std::size_t from) {
    if (count++ == offset) origin = from;
  });
  return origin;
}

std::string nearest(std::string_view word, const std::vector<std::string_view>& known) {
  constexpr std::size_t kLongest = 64;
  if (word.empty() || word.size() > kLongest) return {};
  std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;
  std::vector<std::string_view> found;
  for (const std::string_view candidate : known) {
    std::size_t d = distance(word, candidate);
    // A word with a blank left out, or only begun, is a small mistake.
    std::string joined;
    for (const char c : candidate) {
      if (c != ' ') joined += c;
    }
    if (joined == word && joined != candidate) d = 0;
    if (word.size() >= 3 && candidate.starts_with(word)) d = std::min<std::size_t>(d, 1);
    if (d < best) {
      best = d;
      found.clear();
    }
    if (d == best && d <= std::max<std::size_t>(1, word.size() / 3) && found.size() < 3) {
      found.push_back(candidate);
    }
  }
  if (found.empty()) return {};
  std::string text = "did you mean \"";
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (i != 0) text += i + 1 == found.size() ? "\" or \"" : "\", \"";
    text += found[i];
  }
  return text + "\"?";
}

}  // namespace coreheap::query
