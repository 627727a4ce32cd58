// The frame around answers about a target.
#include "commands/screens.h"

#include <fmt/format.h>

#include "commands/figures.h"

namespace coreheap::commands {

std::string coverage_text(const census::Coverage& c) {
  const auto share = [&](std::uint64_t bytes) {
    if (c.allocator_bytes == 0) return std::string();
    const double percent =
        100.0 * static_cast<double>(bytes) / static_cast<double>(c.allocator_bytes);
    return fmt::format(" ({:.1f} %)", percent);
  };
  return fmt::format(
      "of {} in allocators: {}{} in use but unnamed,\n          {}{} unread, {}{} damaged",
      size_text(c.allocator_bytes), size_text(c.uncategorized_bytes), share(c.uncategorized_bytes),
      size_text(c.unreadable_bytes), share(c.unreadable_bytes), size_text(c.damaged_bytes),
      share(c.damaged_bytes));
}

Report report_on(const Target& target) {
  Report report;
  report.target = target.image().source;
  report.findings = target.image().findings;
  if (target.image().pause && !target.image().pause->stopped) {
    report.not_seen = "read without stopping the process: figures may not belong together";
  }
  return report;
}

Report report_on(const Target& target, const census::Census& census) {
  Report report = report_on(target);
  report.coverage = census.coverage;
  const std::string torn = std::move(report.not_seen);
  report.not_seen = coverage_text(census.coverage);
  if (!torn.empty()) report.not_seen += "\n          " + torn;
  report.findings.insert(report.findings.end(), census.findings.begin(), census.findings.end());
  return report;
}

}  // namespace coreheap::commands
