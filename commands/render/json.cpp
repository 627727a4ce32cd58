// JSON of schema 1: one object; the main table is "columns" and "rows", whatever else the report
// has is "sections". Rows are streamed, so the document may be larger than memory.
#include "commands/render/cells.h"
#include "commands/render/render.h"

namespace coreheap::commands {

namespace {

void write_key(Writer& out, std::string_view key) {
  append_json_string(out.buffer(), key);
  out << ": ";
}

void write_text(Writer& out, std::string_view key, std::string_view text) {
  write_key(out, key);
  append_json_string(out.buffer(), text);
}

void write_columns(Writer& out, const Table& table, const std::vector<unsigned>& shown) {
  write_key(out, "columns");
  out << '[';
  for (std::size_t i = 0; i < shown.size(); ++i) {
    const Column& column = table.columns[shown[i]];
    out << (i ? ", {" : "{");
    write_text(out, "name", column.name);
    out << ", ";
    write_text(out, "type", name_of(column.type));
    out << ", ";
    write_key(out, "unit");
    if (unit_of(column.type).empty()) {
      out << "null";
    } else {
      append_json_string(out.buffer(), unit_of(column.type));
    }
    out << '}';
  }
  out << ']';
}

// False when the writing stopped early.
bool write_rows(Writer& out, const Table& table, const std::vector<unsigned>& shown) {
  write_key(out, "rows");
  out << '[';
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    std::string key(i ? ", " : "{");
    append_json_string(key, table.columns[shown[i]].name);
    keys.push_back(key + ": ");
  }
  BatchReader rows(table, shown);
  bool first = true;
  while (const std::size_t count = rows.next()) {
    for (std::size_t r = 0; r < count; ++r) {
      out << (first ? "\n  " : ",\n  ");
      first = false;
      for (std::size_t i = 0; i < shown.size(); ++i) {
        out << keys[i];
        append_json(out.buffer(), rows.at(i, r));
      }
      out << '}';
    }
    if (!out.keep_going()) return false;
  }
  out << ']';
  return true;
}

void write_totals(Writer& out, const Table* table) {
  write_key(out, "totals");
  out << '{';
  if (table != nullptr) {
    bool first = true;
    for (const auto& [name, cell] : table->totals) {
      if (!first) out << ", ";
      first = false;
      write_key(out, name);
      append_json(out.buffer(), cell);
    }
  }
  out << '}';
}

void write_values(Writer& out, const KeyValues& values) {
  write_key(out, "values");
  out << '{';
  for (std::size_t i = 0; i < values.values.size(); ++i) {
    if (i) out << ", ";
    write_key(out, values.values[i].key());
    append_json(out.buffer(), values.values[i].cell());
  }
  out << '}';
}

bool write_section(Writer& out, const Section& section) {
  out << '{';
  write_text(out, "name", section.name);
  out << ", ";
  bool whole = true;
  if (const auto* values = std::get_if<KeyValues>(&section.body)) {
    write_values(out, *values);
  } else if (const auto* table = std::get_if<Table>(&section.body)) {
    const std::vector<unsigned> shown = machine_columns(*table);
    write_columns(out, *table, shown);
    out << ", ";
    whole = write_rows(out, *table, shown);
    out << ", ";
    write_totals(out, table);
  } else {
    write_text(out, "text", std::get<TextBlock>(section.body).text);
  }
  out << '}';
  return whole;
}

void write_coverage(Writer& out, const Report& report) {
  write_key(out, "coverage");
  if (!report.coverage) {
    out << "null";
    return;
  }
  const census::Coverage& c = *report.coverage;
  const std::pair<std::string_view, std::uint64_t> figures[] = {
      {"allocator_bytes", c.allocator_bytes},
      {"unreadable_bytes", c.unreadable_bytes},
      {"damaged_bytes", c.damaged_bytes},
      {"uncategorized_bytes", c.uncategorized_bytes},
      {"uncategorized_count", c.uncategorized_count}};
  out << '{';
  for (std::size_t i = 0; i < std::size(figures); ++i) {
    if (i) out << ", ";
    write_key(out, figures[i].first);
    append_integer(out.buffer(), static_cast<std::int64_t>(figures[i].second));
  }
  out << '}';
}

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::note:
      return "note";
    case Severity::warning:
      return "warning";
    case Severity::damage:
      return "damage";
  }
  return "warning";
}

void write_findings(Writer& out, const Findings& findings) {
  write_key(out, "findings");
  out << '[';
  for (std::size_t i = 0; i < findings.size(); ++i) {
    out << (i ? ",\n  {" : "{");
    write_key(out, "address");
    append_json(out.buffer(), findings[i].address ? Cell::of_address(findings[i].address) : Cell());
    out << ", ";
    write_text(out, "what", findings[i].what);
    out << ", ";
    write_text(out, "evidence", findings[i].evidence);
    out << ", ";
    write_text(out, "severity", name_of(findings[i].severity));
    out << '}';
  }
  out << ']';
}

}  // namespace

Result<void> render_json(const Report& report, const RenderStyle& style, Writer& out) {
  out << "{";
  write_key(out, "schema");
  out << "1, ";
  write_text(out, "tool", style.tool);
  out << ", ";
  write_key(out, "target");
  append_json(out.buffer(), report.target.empty() ? Cell() : Cell::of_text(report.target));
  out << ", ";
  write_text(out, "command", report.command);
  out << ",\n ";
  const Table* main = report.main_table();
  const Table none;
  const std::vector<unsigned> shown = main ? machine_columns(*main) : std::vector<unsigned>();
  write_columns(out, main ? *main : none, shown);
  out << ",\n ";
  if (!write_rows(out, main ? *main : none, shown)) return out.finish();
  out << ",\n ";
  write_totals(out, main);
  out << ",\n ";
  write_key(out, "sections");
  out << '[';
  bool first = true;
  for (const Section& section : report.sections) {
    if (main != nullptr && std::get_if<Table>(&section.body) == main) continue;
    out << (first ? "\n  " : ",\n  ");
    first = false;
    if (!write_section(out, section)) return out.finish();
  }
  out << "],\n ";
  write_coverage(out, report);
  out << ",\n ";
  write_findings(out, report.findings);
  out << ",\n ";
  write_key(out, "next");
  out << '[';
  for (std::size_t i = 0; i < report.next.size(); ++i) {
    if (i) out << ", ";
    append_json_string(out.buffer(), style.prefix + report.next[i].words);
  }
  out << "]}\n";
  return out.finish();
}

}  // namespace coreheap::commands
