// `heap`: the first screen. What the memory is, in a table that adds up, and what to type next;
// within 80 columns and 40 lines of plain ASCII.
#include <fmt/format.h>

#include <algorithm>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/screens.h"
#include "heapparse/usage/verdict.h"
#include "heapparse/usage/waterfall.h"

namespace coreheap::commands {

namespace {

using usage::Code;

constexpr std::size_t kWidth = 80;
constexpr std::size_t kBar = 36;  // hashes for 100 %
constexpr std::size_t kMostSteps = 4;

std::vector<Column> columns() {
  return {
      {"code", "", ColumnType::text, "stable name of the line"},
      {"cause", "", ColumnType::text, "what the bytes are"},
      {"bytes", "", ColumnType::bytes, "resident bytes, where that is known"},
      {"percent", "", ColumnType::percent, "of the sum"},
      {"mapped", "", ColumnType::bytes, "address space of it, resident or not"},
  };
}

// Lines of the screen: codes that are told apart only by machines share one.
struct Line {
  std::string_view title;
  std::vector<Code> codes;
};

std::vector<Line> lines_of_screen(const usage::Waterfall& w) {
  std::vector<Line> lines;
  for (const Code code : {Code::py_objects, Code::py_buffers, Code::native_owned,
                          Code::native_other, Code::free_pymalloc, Code::free_glibc, Code::overhead,
                          Code::other_allocator, Code::anon_other}) {
    if (w.of(code) != 0) lines.push_back({usage::title_of(code), {code}});
  }
  const bool shared = w.of(Code::shmem) != 0;
  lines.push_back({shared ? "stacks, libraries, shm" : "stacks, libraries",
                   {Code::stacks_used, Code::stacks_unused, Code::shmem, Code::files_dirty,
                    Code::files_clean}});
  return lines;
}

std::string percent_cell(std::uint64_t percent, std::uint64_t bytes) {
  if (percent == 0 && bytes > 0) return "< 1 %";
  return fmt::format("{} %", percent);
}

std::string where_screen(const usage::Waterfall& w) {
  constexpr std::uint64_t kMebi = 1 << 20;
  const std::vector<Line> lines = lines_of_screen(w);
  std::vector<std::uint64_t> parts;
  for (const Line& line : lines) {
    std::uint64_t bytes = 0;
    for (const Code code : line.codes) bytes += w.of(code);
    parts.push_back(bytes);
  }
  // Small processes in tenths; what is printed adds up to what is printed as the sum.
  const bool tenths = w.total < 100 * kMebi;
  std::uint64_t total = 0;
  const auto amounts = rounded_to_sum(parts, tenths ? kMebi / 10 : kMebi, &total);
  std::vector<std::uint64_t> percents(parts.size());
  if (w.total > 0) {
    // In units of 1 % of the total, scaled so that no precision is lost.
    std::vector<std::uint64_t> scaled;
    scaled.reserve(parts.size());
    for (const std::uint64_t part : parts) {
      scaled.push_back(static_cast<std::uint64_t>(static_cast<long double>(part) /
                                                  static_cast<long double>(w.total) * 1e9L));
    }
    percents = rounded_to_sum(scaled, 10'000'000, nullptr);
  }
  const auto amount_text = [&](std::uint64_t n) {
    const std::string whole = with_thousands(static_cast<std::int64_t>(tenths ? n / 10 : n));
    return tenths ? fmt::format("{}.{}", whole, n % 10) : whole;
  };
  const std::string of = w.basis == usage::Basis::rss ? "of RSS" : "of sum";
  const std::string heading = w.basis == usage::Basis::mapped ? "mapped MiB" : "resident MiB";
  std::string text = fmt::format("WHERE     {:<56}{:>8}\n", heading, of);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const auto bar = static_cast<std::size_t>(percents[i] * kBar / 100);
    text += fmt::format("  {:<22} {:>8}  {:<30}{:>7}\n", lines[i].title, amount_text(amounts[i]),
                        std::string(std::min<std::size_t>(bar, 30), '#'),
                        percent_cell(percents[i], parts[i]));
  }
  std::string remark;
  switch (w.basis) {
    case usage::Basis::rss:
      if (!w.vm_rss) {
        remark = "(sum of Rss over smaps)";
      } else if (*w.vm_rss == w.total) {
        remark = "(sum equals VmRSS to the page)";
      } else {
        remark = fmt::format("(VmRSS says {})", size_text(*w.vm_rss));
      }
      break;
    case usage::Basis::resident_private:
      remark = "(pages in the core: private, resident)";
      break;
    case usage::Basis::mapped:
      remark = "(not resident: this core does not say)";
      break;
  }
  const std::string_view sum = w.basis == usage::Basis::rss                ? "= RSS"
                               : w.basis == usage::Basis::resident_private ? "= private resident"
                                                                           : "= mapped";
  text += fmt::format("  {:<22} {:>8}  {}\n", sum, amount_text(total), remark);
  if (w.swapped > 0) text += fmt::format("  swapped out besides: {}\n", size_text(w.swapped));
  if (w.estimated > 0) {
    text += fmt::format("  estimated by proportion: {}\n", size_text(w.estimated));
  }
  return text;
}

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

std::string first_line(const image::Image& image, const python::Runtime* runtime) {
  std::string line = "coreheap  " + printable(image.source);
  std::string tail;
  if (runtime != nullptr) {
    tail += "  CPython " + (runtime->version_text.empty() ? "(version unknown)"
                                                          : printable(runtime->version_text));
  }
  if (image.process.uptime_seconds) tail += "  up " + uptime_text(*image.process.uptime_seconds);
  if (image.pause) {
    tail += image.pause->stopped
                ? "  paused " + seconds_text(static_cast<double>(image.pause->nanoseconds) / 1e9)
                : "  NOT STOPPED: torn";
  }
  const std::string& what =
      image.process.command_line.empty() ? image.process.name : image.process.command_line;
  // The program's name, not its path: what tells processes apart stands behind it.
  const std::size_t blank = std::min(what.find(' '), what.size());
  const std::size_t slash = what.rfind('/', blank);
  const std::string command =
      printable(slash == std::string::npos || slash > blank ? what : what.substr(slash + 1));
  line = fitted(line, 44);
  const std::size_t used = line.size() + 2 + tail.size();
  if (!command.empty() && used + 10 < kWidth) line += "  " + fitted(command, kWidth - used);
  return line + tail + '\n';
}

struct Allocators {
  std::string text;
  std::size_t arenas = 0;
};

Allocators allocators_of(const std::vector<glibc::MallocHeap>& heaps,
                         const pymalloc::PymallocHeap& pymalloc) {
  Allocators found;
  if (!pymalloc.arenas.empty()) found.text = "pymalloc";
  for (const glibc::MallocHeap& heap : heaps) found.arenas += heap.arenas.size();
  if (found.arenas > 0) {
    if (!found.text.empty()) found.text += " + ";
    found.text +=
        heaps.size() > 1 ? fmt::format("{} x glibc malloc", heaps.size()) : "glibc malloc";
  }
  if (found.text.empty()) found.text = "none found";
  return found;
}

std::string second_line(const image::Image& image, const Allocators& allocators) {
  std::string line = "allocators  " + allocators.text;
  line += fmt::format("      threads {}", image.threads.size());
  if (allocators.arenas > 1) line += fmt::format(" ({} arenas)", allocators.arenas);
  if (image.process.file_descriptors) {
    line += fmt::format("   fds {}", *image.process.file_descriptors);
  }
  return line + '\n';
}

KeyValues summary(const image::Image& image, const python::Runtime* runtime,
                  const Allocators& allocators, const usage::Waterfall& w) {
  KeyValues values;
  values.text("source", image.source);
  if (image.process.pid) values.identifier("pid", *image.process.pid);
  values.text("command_line", image.process.command_line);
  if (runtime != nullptr) values.text("python", runtime->version_text);
  values.text("allocators", allocators.text);
  values.count("threads", image.threads.size());
  values.count("glibc_arenas", allocators.arenas);
  if (image.process.file_descriptors) values.count("fds", *image.process.file_descriptors);
  if (image.process.uptime_seconds) values.count("uptime_seconds", *image.process.uptime_seconds);
  if (image.pause) {
    values.count("pause_nanoseconds", image.pause->nanoseconds);
    values.boolean("stopped", image.pause->stopped);
  }
  values.text("basis", usage::name_of(w.basis));
  values.bytes("total", w.total);
  if (w.vm_rss) values.bytes("vm_rss", *w.vm_rss);
  values.bytes("mapped", w.mapped_total);
  values.bytes("inaccessible", w.inaccessible);
  values.bytes("swapped", w.swapped);
  values.bytes("estimated", w.estimated);
  return values;
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

Table where_table(const usage::Waterfall& w) {
  Table table;
  table.columns = columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (std::size_t i = 0; i < usage::kCodes; ++i) {
    const auto code = static_cast<Code>(i);
    rows->add({Cell::of_text(usage::name_of(code)), Cell::of_text(usage::title_of(code)),
               Cell::of_count(w.of(code)), Cell::of_number(w.share(code) * 100),
               Cell::of_count(w.mapped_bytes[i])});
  }
  table.rows = rows;
  table.totals = {{"bytes", Cell::of_count(w.total)}, {"mapped", Cell::of_count(w.mapped_total)}};
  return table;
}

// What to look at depends on what the verdict found.
std::vector<NextStep> next_steps(const std::vector<usage::VerdictLine>& lines, bool python) {
  std::vector<NextStep> next;
  const auto add = [&](std::string words, std::string comment) {
    const bool known = std::any_of(next.begin(), next.end(),
                                   [&](const NextStep& step) { return step.words == words; });
    if (!known) next.push_back({std::move(words), std::move(comment)});
  };
  for (const usage::VerdictLine& line : lines) {
    if (line.cause == "live" && python) add("types", "which types the live data is");
    if (line.cause == "free") {
      add("arenas", "the arenas, and what each keeps");
      add("pymalloc", "fill of its pools");
      add("free", "free blocks by kind");
    }
    if (line.cause == "native") add("sizes", "block sizes: which one stands out");
    if (line.cause == "native") add("used", "what the blocks hold");
  }
  if (python) add("types", "live objects by type");
  add("used", "blocks in use by kind");
  add("info", "how everything was found");
  if (next.size() > kMostSteps) next.resize(kMostSteps);
  return next;
}

Result<Report> run(Context& context) {
  auto opened = context.session.target(context.job);
  if (!opened) return std::unexpected(opened.error());
  Target& target = **opened;
  const auto census = target.census(context.job);
  if (!census) return std::unexpected(census.error());
  const auto runtime = target.runtime(context.job);
  if (!runtime) return std::unexpected(runtime.error());
  const auto heaps = target.heaps(context.job);
  if (!heaps) return std::unexpected(heaps.error());
  const auto pymalloc = target.pymalloc(context.job);
  if (!pymalloc) return std::unexpected(pymalloc.error());

  const image::Image& image = target.image();
  const usage::Waterfall w = usage::waterfall(**census, image);
  const std::vector<usage::VerdictLine> verdict = usage::verdict(w, (*census)->coverage);
  const Allocators allocators = allocators_of(**heaps, **pymalloc);

  Report report = report_on(target, **census);
  report.main_name = "where";
  report.add("summary", "", summary(image, *runtime, allocators, w)).screen =
      first_line(image, *runtime) + second_line(image, allocators);
  report.add("verdict", "", verdict_table(verdict)).screen = verdict_screen(verdict);
  report.add("where", "", where_table(w)).screen = where_screen(w);
  if (!report.not_seen.empty()) report.not_seen += ".\n          One look cannot show growth.";
  report.next = next_steps(verdict, *runtime != nullptr);
  return report;
}

}  // namespace

Command heap_command() {
  return {
      .name = "heap",
      .aliases = {},
      .summary = "first screen: where the memory is, and a verdict",
      .description =
          "Splits the resident memory by cause, so that the lines add up to RSS (in a core: to "
          "the\n"
          "resident private pages, or, where the core does not say, to mapped memory). The "
          "verdict\n"
          "names the causes over 20 %; when none exceeds 30 % it says that nothing is clear. Free\n"
          "space counts whole blocks; headers inside used blocks count with the block.",
      .usage = "",
      .columns = columns(),
      .group = Group::where,
      .run = run};
}

}  // namespace coreheap::commands
