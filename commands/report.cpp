// Names of formats and the parts of a report.
#include "commands/report.h"

#include <utility>

namespace coreheap::commands {

std::string_view name_of(Format format) {
  switch (format) {
    case Format::text:
      return "text";
    case Format::json:
      return "json";
    case Format::jsonl:
      return "jsonl";
    case Format::csv:
      return "csv";
  }
  return "text";
}

std::optional<Format> format_from(std::string_view name) {
  for (const Format format : {Format::text, Format::json, Format::jsonl, Format::csv}) {
    if (name == name_of(format)) return format;
  }
  return std::nullopt;
}

const Table* Report::main_table() const {
  for (const Section& section : sections) {
    const auto* table = std::get_if<Table>(&section.body);
    if (table != nullptr && (main_name.empty() || section.name == main_name)) return table;
  }
  return nullptr;
}

Table* Report::main_table() { return const_cast<Table*>(std::as_const(*this).main_table()); }

Section& Report::add(std::string name, std::string title, KeyValues values) {
  return sections.emplace_back(
      Section{std::move(name), std::move(title), std::move(values), std::nullopt});
}

Section& Report::add(std::string name, std::string title, Table table) {
  return sections.emplace_back(
      Section{std::move(name), std::move(title), std::move(table), std::nullopt});
}

Section& Report::add_text(std::string name, std::string text) {
  return sections.emplace_back(
      Section{std::move(name), std::string(), TextBlock{std::move(text)}, std::nullopt});
}

}  // namespace coreheap::commands
