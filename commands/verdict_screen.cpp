// The verdict for people and for machines.
#include "commands/verdict_screen.h"

#include <fmt/format.h>

#include "commands/figures.h"

namespace coreheap::commands {

namespace {

constexpr std::size_t kWidth = 80;

}  // namespace

std::string verdict_screen(const std::vector<usage::VerdictLine>& lines) {
  std::string text;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string strength = fmt::format("[{}]", usage::name_of(lines[i].strength));
    text +=
        fmt::format("{:<10}{:<58}{:>12}\n", i == 0 ? "VERDICT" : "", lines[i].headline, strength);
    text += wrapped(lines[i].sentence, 2, kWidth);
  }
  return text;
}

Table verdict_table(const std::vector<usage::VerdictLine>& lines) {
  Table table;
  table.columns = {{"cause", "", ColumnType::text, ""},
                   {"percent", "", ColumnType::percent, ""},
                   {"strength", "", ColumnType::text, ""},
                   {"headline", "", ColumnType::text, ""},
                   {"sentence", "", ColumnType::text, ""}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const usage::VerdictLine& line : lines) {
    rows->add({Cell::of_text(line.cause), Cell::of_number(line.share * 100),
               Cell::of_text(usage::name_of(line.strength)), Cell::of_text(line.headline),
               Cell::of_text(line.sentence)});
  }
  table.rows = rows;
  return table;
}

}  // namespace coreheap::commands
