// CSV (RFC 4180, LF line ends): the main table of a report, with a header line.
#include "commands/render/cells.h"
#include "commands/render/render.h"

namespace coreheap::commands {

namespace {

// A report without a table is its facts: one line a fact.
void write_values(const Report& report, Writer& out) {
  out << "section,key,value\n";
  for (const Section& section : report.sections) {
    const auto* values = std::get_if<KeyValues>(&section.body);
    if (values == nullptr) continue;
    for (const Value& value : values->values) {
      append_csv(out.buffer(), Cell::of_text(section.name));
      out << ',';
      append_csv(out.buffer(), Cell::of_text(value.key()));
      out << ',';
      append_csv(out.buffer(), value.cell());
      out << '\n';
    }
  }
}

}  // namespace

Result<void> render_csv(const Report& report, Writer& out) {
  const Table* table = report.main_table();
  if (table == nullptr) {
    write_values(report, out);
    return out.finish();
  }
  const std::vector<unsigned> shown = machine_columns(*table);
  for (std::size_t i = 0; i < shown.size(); ++i) {
    if (i) out << ',';
    append_csv(out.buffer(), Cell::of_text(table->columns[shown[i]].name));
  }
  out << '\n';
  BatchReader rows(*table, shown);
  while (const std::size_t count = rows.next()) {
    std::string& buffer = out.buffer();
    for (std::size_t r = 0; r < count; ++r) {
      for (std::size_t i = 0; i < shown.size(); ++i) {
        if (i) buffer += ',';
        append_csv(buffer, rows.at(i, r));
      }
      buffer += '\n';
    }
    if (!out.keep_going()) break;
  }
  return out.finish();
}

}  // namespace coreheap::commands
