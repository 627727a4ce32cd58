// Compiling a pattern into items, and matching with one point of return: the last `*` seen.
#include "heapparse/usage/file_pattern.h"

#include <algorithm>

namespace coreheap::usage {

namespace {

// Code points of UTF-8; a byte that fits nowhere stands for itself.
std::u32string code_points(std::string_view text) {
  std::u32string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    char32_t c = length == 1 ? lead : lead & (0xffU >> (length + 1));
    std::size_t used = 1;
    while (used < length && i + used < text.size() &&
           (static_cast<unsigned char>(text[i + used]) & 0xc0) == 0x80) {
      c = c << 6 | (static_cast<unsigned char>(text[i + used]) & 0x3fU);
      ++used;
    }
    out.push_back(used == length ? c : lead);
    i += used == length ? length : 1;
  }
  return out;
}

}  // namespace

FilePattern::FilePattern(std::string_view pattern) {
  const std::u32string p = code_points(pattern);
  for (std::size_t i = 0; i < p.size();) {
    const char32_t c = p[i++];
    Item item;
    if (c == U'*') {
      item.kind = Item::Kind::any_run;
      if (!items_.empty() && items_.back().kind == Item::Kind::any_run) continue;
    } else if (c == U'?') {
      item.kind = Item::Kind::any;
    } else if (c == U'[') {
      // "]" directly behind the bracket is a member; without an end "[" is itself.
      std::size_t end = i;
      if (end < p.size() && p[end] == U'!') ++end;
      if (end < p.size() && p[end] == U']') ++end;
      while (end < p.size() && p[end] != U']') ++end;
      if (end >= p.size()) {
        item.ranges.emplace_back(c, c);
      } else {
        item.kind = Item::Kind::set;
        std::size_t at = i;
        if (p[at] == U'!') {
          item.negated = true;
          ++at;
        }
        for (; at < end; ++at) {
          if (at + 2 < end && p[at + 1] == U'-') {
            item.ranges.emplace_back(p[at], p[at + 2]);
            at += 2;
          } else {
            item.ranges.emplace_back(p[at], p[at]);
          }
        }
        i = end + 1;
      }
    } else {
      item.ranges.emplace_back(c, c);
    }
    items_.push_back(std::move(item));
  }
}

bool FilePattern::accepts(const Item& item, char32_t c) {
  if (item.kind == Item::Kind::any) return true;
  const bool in = std::any_of(item.ranges.begin(), item.ranges.end(), [c](const auto& range) {
    return range.first <= c && c <= range.second;
  });
  return in != item.negated;
}

bool FilePattern::matches(std::string_view text) const {
  const std::u32string t = code_points(text);
  std::size_t i = 0;
  std::size_t at = 0;
  std::size_t star = items_.size();  // none yet
  std::size_t star_at = 0;
  while (at < t.size()) {
    if (i < items_.size() && items_[i].kind == Item::Kind::any_run) {
      star = i++;
      star_at = at;
    } else if (i < items_.size() && accepts(items_[i], t[at])) {
      ++i;
      ++at;
    } else if (star < items_.size()) {
      i = star + 1;
      at = ++star_at;
    } else {
      return false;
    }
  }
  while (i < items_.size() && items_[i].kind == Item::Kind::any_run) ++i;
  return i == items_.size();
}

}  // namespace coreheap::usage
