// Splitting and suggesting words.
#include "commands/words.h"

#include <algorithm>

namespace coreheap::commands {

SplitLine split_line(std::string_view line) {
  SplitLine split;
  std::string word;
  bool started = false;
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    const bool more = i + 1 < line.size();
    if (quote) {
      if (c == quote) {
        quote = 0;
      } else if (quote == '"' && c == '\\' && more && (line[i + 1] == '"' || line[i + 1] == '\\')) {
        word += line[++i];
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      started = true;
    } else if (c == '\\' && more) {
      word += line[++i];
      started = true;
    } else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      if (started) split.words.push_back(std::move(word));
      word.clear();
      started = false;
    } else {
      word += c;
      started = true;
    }
  }
  if (started) split.words.push_back(std::move(word));
  split.open_quote = quote != 0;
  split.in_word = started;
  return split;
}

Result<std::vector<std::string>> split_words(std::string_view line) {
  SplitLine split = split_line(line);
  if (split.open_quote) {
    return fail(ErrorCode::usage, std::string(line), "a quote is not closed");
  }
  return std::move(split.words);
}

std::string quoted(std::string_view word) {
  constexpr std::string_view kSafe =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_+=:,./-";
  if (!word.empty() && word.find_first_not_of(kSafe) == std::string_view::npos) {
    return std::string(word);
  }
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + '\'';
}

namespace {

// Edit distance with swaps of neighbours (a typist's four mistakes), bounded by the words' lengths.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last(b.size() + 1);
  std::vector<std::size_t> last(b.size() + 1);
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::vector<std::string> nearest_words(std::string_view word,
                                       const std::vector<std::string_view>& known) {
  constexpr std::size_t kLongest = 64;  // nobody mistypes more; keeps the cost bounded
  constexpr std::size_t kSuggestions = 3;
  std::vector<std::pair<std::size_t, std::string_view>> near;
  if (word.size() > kLongest) return {};
  const std::size_t allowed = std::max<std::size_t>(1, word.size() / 3);
  for (const std::string_view candidate : known) {
    std::size_t d = distance(word, candidate);
    // The beginning of a word is a good guess whatever is missing.
    if (word.size() >= 2 && candidate.starts_with(word)) d = std::min<std::size_t>(d, 1);
    if (d <= allowed) near.emplace_back(d, candidate);
  }
  std::stable_sort(near.begin(), near.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> words;
  for (const auto& [d, candidate] : near) {
    if (words.size() < kSuggestions) words.emplace_back(candidate);
  }
  return words;
}

std::string suggestion(std::string_view word, const std::vector<std::string_view>& known) {
  const std::vector<std::string> near = nearest_words(word, known);
  if (near.empty()) return {};
  std::string text;
  for (std::size_t i = 0; i < near.size(); ++i) {
    if (i) text += i + 1 == near.size() ? " or " : ", ";
    text += near[i];
  }
  return text;
}

}  // namespace coreheap::commands
