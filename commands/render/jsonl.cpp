// JSON lines: the main table of a report, one object a line; a report without a table is one line
// of its facts.
#include "commands/render/cells.h"
#include "commands/render/render.h"

namespace coreheap::commands {

Result<void> render_jsonl(const Report& report, Writer& out) {
  const Table* table = report.main_table();
  if (table == nullptr) {
    bool first = true;
    out << '{';
    for (const Section& section : report.sections) {
      const auto* values = std::get_if<KeyValues>(&section.body);
      if (values == nullptr) continue;
      for (const Value& value : values->values) {
        if (!first) out << ',';
        first = false;
        append_json_string(out.buffer(), value.key());
        out << ':';
        append_json(out.buffer(), value.cell());
      }
    }
    out << "}\n";
    return out.finish();
  }
  const std::vector<unsigned> shown = machine_columns(*table);
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < shown.size(); ++i) {
    std::string key(i ? "," : "{");
    append_json_string(key, table->columns[shown[i]].name);
    keys.push_back(key + ':');
  }
  BatchReader rows(*table, shown);
  while (const std::size_t count = rows.next()) {
    std::string& buffer = out.buffer();
    for (std::size_t r = 0; r < count; ++r) {
      for (std::size_t i = 0; i < shown.size(); ++i) {
        buffer += keys[i];
        append_json(buffer, rows.at(i, r));
      }
      buffer += "}\n";
    }
    if (!out.keep_going()) break;
  }
  return out.finish();
}

}  // namespace coreheap::commands
