// What is wrong with a query, where, and what to write instead.
//
// The text of an error is one line of words, the query, a caret under the exact span, and where
// there is one a hint that can be pasted. Codes are stable; every text is in tests/query/errors.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

namespace coreheap::query {

// Bytes of the query's text: [start, end).
struct Span {
  std::uint32_t start = 0;
  std::uint32_t end = 0;
};

struct QueryError {
  std::string code;  // "bare-word"
  std::string message;
  Span span;
  std::string hint;  // may be empty
};

template <class T>
using Checked = std::expected<T, QueryError>;

inline std::unexpected<QueryError> wrong(std::string code, Span span, std::string message,
                                         std::string hint = {}) {
  return std::unexpected(QueryError{std::move(code), std::move(message), span, std::move(hint)});
}

// "error[CODE]: MESSAGE", the line of the query the error is in, carets, "  hint: HINT"; without a
// final line break. Bytes that a terminal could take for commands are shown as '?'.
std::string to_text(const QueryError& error, std::string_view query);

}  // namespace coreheap::query
