// Reasons and cures, for people and for machines.
#include "commands/free_memory_screens.h"

#include <fmt/format.h>

#include <algorithm>

#include "commands/figures.h"

namespace coreheap::commands {

namespace {

constexpr std::size_t kWidth = 80;
constexpr std::uint64_t kMebi = 1 << 20;

}  // namespace

Table reason_table(const std::vector<usage::Reason>& reasons) {
  Table table;
  table.columns = {{"reason", "", ColumnType::text, ""},
                   {"bytes", "", ColumnType::bytes, ""},
                   {"sentence", "", ColumnType::text, ""}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const usage::Reason& reason : reasons) {
    rows->add(
        {Cell::of_text(reason.id), Cell::of_count(reason.bytes), Cell::of_text(reason.sentence)});
  }
  table.rows = rows;
  return table;
}

std::string reason_screen(const std::vector<usage::Reason>& reasons, std::size_t most) {
  std::string text;
  for (std::size_t i = 0; i < std::min(most, reasons.size()); ++i) {
    text += wrapped(reasons[i].sentence, 2, kWidth);
  }
  return text;
}

Table cure_table(const std::vector<usage::Cure>& cures) {
  Table table;
  table.columns = {{"cure", "", ColumnType::text, ""},       {"action", "", ColumnType::text, ""},
                   {"bytes", "", ColumnType::bytes, ""},     {"basis", "", ColumnType::text, ""},
                   {"restart", "", ColumnType::boolean, ""}, {"why", "", ColumnType::text, ""}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const usage::Cure& cure : cures) {
    rows->add({Cell::of_text(cure.id), Cell::of_text(cure.action), Cell::of_count(cure.bytes),
               Cell::of_text(cure.computed ? "computed" : "estimate"),
               Cell::of_boolean(cure.restart), Cell::of_text(cure.why)});
  }
  table.rows = rows;
  return table;
}

std::string cure_screen(const std::vector<usage::Cure>& cures, bool why) {
  std::string text = fmt::format("{:<58}{:>7}{:>14}\n", "WHAT WOULD GIVE IT BACK", "MiB", "basis");
  if (cures.empty()) {
    return text + "  (nothing that these figures carry: each less than 1 MiB or 1 %)\n";
  }
  std::size_t estimates = 0;
  for (const usage::Cure& cure : cures) {
    const std::uint64_t tenths = (cure.bytes * 10 + kMebi / 2) / kMebi;
    const std::string amount = tenths < 100
                                   ? fmt::format("{}.{}", tenths / 10, tenths % 10)
                                   : with_thousands(static_cast<std::int64_t>((tenths + 5) / 10));
    text += fmt::format("  {:<32}{:<20}{:>11}{:>14}\n", cure.action,
                        cure.restart ? "(new process)" : "", amount,
                        cure.computed ? "computed" : "estimate");
    if (why) text += wrapped(cure.why, 6, kWidth);
    if (!cure.computed) ++estimates;
  }
  if (estimates > 0) {
    text += "  (estimates are at most, and overlap: do not add them up)\n";
  }
  return text;
}

}  // namespace coreheap::commands
