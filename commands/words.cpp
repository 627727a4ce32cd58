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

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

// Where the words of a line begin and end; quotes keep a word together.
std::vector<std::pair<std::size_t, std::size_t>> word_places(std::string_view line) {
  std::vector<std::pair<std::size_t, std::size_t>> places;
  for (std::size_t i = 0; i < line.size();) {
    if (is_blank(line[i])) {
      ++i;
      continue;
    }
    const std::size_t begin = i;
    char quote = 0;
    for (; i < line.size() && (quote != 0 || !is_blank(line[i])); ++i) {
      if (line[i] == '\\' && quote != '\'') {
        ++i;
      } else if (quote == 0 && (line[i] == '"' || line[i] == '\'')) {
        quote = line[i];
      } else if (line[i] == quote) {
        quote = 0;
      }
    }
    i = std::min(i, line.size());
    places.emplace_back(begin, i);
  }
  return places;
}

}  // namespace

TextLine split_text(std::string_view line, const std::function<int(std::string_view)>& is_option) {
  TextLine split;
  const auto places = word_places(line);
  std::size_t first = 0;
  std::size_t last = places.size();
  const auto text_of = [&](std::size_t i) {
    return line.substr(places[i].first, places[i].second - places[i].first);
  };
  const auto kind_of = [&](std::size_t i) {
    const std::string_view word = text_of(i);
    if (!word.starts_with('-') || word == "--") return 0;
    const std::size_t equals = word.find('=');
    const int kind = is_option(word.substr(0, equals));
    return kind == 2 && equals != std::string_view::npos ? 1 : kind;
  };
  const auto take = [&](std::size_t i) {
    const SplitLine words = split_line(text_of(i));
    split.options.push_back(words.words.empty() ? std::string() : words.words[0]);
  };
  while (first < last) {
    const int kind = kind_of(first);
    if (kind == 0) break;
    take(first++);
    if (kind == 2 && first < last) take(first++);
  }
  if (first < last && text_of(first) == "--") {
    ++first;
  } else {
    while (last > first) {
      if (last - first >= 2 && kind_of(last - 2) == 2) {
        take(last - 2);
        take(last - 1);
        last -= 2;
      } else if (kind_of(last - 1) == 1) {
        take(--last);
      } else {
        break;
      }
    }
  }
  if (first == last) return split;
  const std::size_t begin = places[first].first;
  const std::string_view text = line.substr(begin, places[last - 1].second - begin);
  const bool one_word = last - first == 1 && text.size() > 1 && text.front() == text.back() &&
                        (text.front() == '\'' || text.front() == '"');
  if (one_word) {
    const SplitLine words = split_line(text);
    split.text = words.words.empty() ? std::string() : words.words[0];
  } else {
    split.text = text;
  }
  return split;
}

std::string quoted(std::string_view word) {
  constexpr std::string_view kSafe =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%_+=:,./-";
  if (!word.empty() && word.find_first_not_of(kSafe) == std::string_view::npos) {
    return std::string(word);
  }
  // Queries have names in single quotes: read better in double ones, where nothing in them is
  // special.
  if (word.find('\'') != std::string_view::npos &&
      word.find_first_of("\"$`\\!") == std::string_view::npos) {
    return '"' + std::string(word) + '"';
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
