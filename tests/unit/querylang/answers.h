// Answers as text, for comparing.
#pragma once

#include <fmt/format.h>

#include <string>

#include "querylang/checker.h"
#include "querylang/run.h"
#include "tests/unit/querylang/shop.h"

namespace coreheap::query::testing {

inline std::string shown(const Value& v) {
  switch (v.kind) {
    case Value::Kind::none:
      return "-";
    case Value::Kind::boolean:
      return v.bits ? "true" : "false";
    case Value::Kind::integer:
      return std::to_string(v.integer());
    case Value::Kind::number:
      return fmt::format("{}", v.number());
    case Value::Kind::address:
      return fmt::format("0x{:x}", v.bits);
    case Value::Kind::object:
      return fmt::format("<0x{:x}>", v.bits);
    case Value::Kind::text:
      return std::string(v.text);
  }
  return "?";
}

// Names of the columns, then a line a row; cells apart by " | ". `notes` last, each "note: ...".
inline std::string table_text(const QueryResult& result) {
  if (!result.explanation().empty()) return result.explanation();
  std::string text;
  for (const ResultColumn& column : result.columns()) {
    text += (text.empty() ? "" : " | ") + column.name;
  }
  text += '\n';
  TextStore texts;
  std::vector<std::vector<Value>> columns(result.columns().size());
  std::vector<std::uint64_t> rows(result.size());
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = i;
  for (std::size_t c = 0; c < columns.size(); ++c) {
    columns[c].resize(rows.size());
    result.fill(c, rows, columns[c], texts);
  }
  for (std::size_t r = 0; r < rows.size(); ++r) {
    for (std::size_t c = 0; c < columns.size(); ++c)
      text += (c ? " | " : "") + shown(columns[c][r]);
    text += '\n';
  }
  for (const std::string& note : result.footer().notes) text += "note: " + note + '\n';
  return text;
}

inline std::string answer(const std::string& text, const Heap& heap, Variables& variables) {
  std::set<std::string, std::less<>> saved;
  for (const auto& [name, rows] : variables) saved.insert(name);
  auto made = plan(text, saved);
  if (!made) return to_text(made.error(), text) + '\n';
  JobControl job;
  const auto result = run(std::move(*made), heap, variables, job);
  if (!result) return to_text(result.error()) + '\n';
  return table_text(**result);
}

}  // namespace coreheap::query::testing
