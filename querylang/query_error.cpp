// Errors as text: the line at fault with carets below it.
#include "querylang/query_error.h"

#include <algorithm>

namespace coreheap::query {
namespace {

constexpr std::size_t kLine = 76;  // characters of the query that are shown

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }
// A byte that goes on with a UTF-8 character takes no column of its own.
bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

}  // namespace

std::string to_text(const QueryError& error, std::string_view query) {
  const std::size_t start = std::min<std::size_t>(error.span.start, query.size());
  const std::size_t end = std::clamp<std::size_t>(error.span.end, start, query.size());
  std::size_t line_begin = start == 0 ? 0 : query.rfind('\n', start - 1) + 1;
  std::size_t line_end = std::min(query.find('\n', start), query.size());
  // Of a long line only the part around the error.
  const bool cut_front = start - line_begin > kLine / 2 && line_end - line_begin > kLine;
  if (cut_front) line_begin = start - kLine / 2;
  const bool cut_back = line_end - line_begin > kLine;
  if (cut_back) line_end = line_begin + kLine;
  while (line_begin < start && continues(query[line_begin])) ++line_begin;
  while (line_end > start && line_end < query.size() && continues(query[line_end])) --line_end;

  std::string shown = cut_front ? "..." : "";
  std::size_t column = shown.size();
  std::size_t first = column;  // columns of the carets
  std::size_t behind = column;
  for (std::size_t i = line_begin; i < line_end; ++i) {
    if (i == start) first = column;
    shown += is_control(query[i]) ? '?' : query[i];
    if (i + 1 == line_end || !continues(query[i + 1])) ++column;
    if (i < end) behind = column;
  }
  if (start >= line_end) first = column;
  if (cut_back) shown += "...";
  // At the end of the query one caret stands behind its last character.
  const std::string carets =
      std::string(first, ' ') + std::string(std::max<std::size_t>(behind, first + 1) - first, '^');
  std::string text = "error[" + error.code + "]: ";
  for (const char c : error.message) text += is_control(c) ? '?' : c;
  if (!shown.empty()) text += "\n  " + shown;
  if (!shown.empty()) text += "\n  " + carets;
  if (!error.hint.empty()) {
    text += "\n  hint: ";
    for (const char c : error.hint) text += is_control(c) ? '?' : c;
  }
  return text;
}

}  // namespace coreheap::query
