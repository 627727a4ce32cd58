// A file name may hold colons and at-signs: only digits to the end make a line or a domain of one.
#include "commands/trace_filters.h"

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>

namespace coreheap::commands {

namespace {

// Takes "MARK digits" from the end.
std::optional<std::uint32_t> take_number(std::string_view& text, char mark) {
  const std::size_t at = text.rfind(mark);
  if (at == std::string_view::npos || at + 1 == text.size()) return std::nullopt;
  std::uint32_t number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + at + 1, end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  text = text.substr(0, at);
  return number;
}

}  // namespace

Result<void> add_trace_filters(std::string_view text, bool inclusive, bool all_frames,
                               std::vector<usage::TraceFilter>& out) {
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    std::string_view one = text.substr(0, comma);
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
    if (one.empty()) continue;
    usage::TraceFilter filter;
    filter.inclusive = inclusive;
    filter.all_frames = all_frames;
    filter.domain = take_number(one, '@');
    filter.line = take_number(one, ':');
    if (!one.empty()) {
      filter.file_pattern = std::string(one);
    } else if (filter.line) {
      return fail(ErrorCode::usage, inclusive ? "--filter" : "--exclude", "a line needs its file",
                  "'*:12'  (line 12 of every file)");
    }
    out.push_back(std::move(filter));
  }
  return {};
}

}  // namespace coreheap::commands
