// The waterfall for people and for machines.
#include "commands/where_screen.h"

#include <fmt/format.h>

#include <algorithm>

#include "commands/figures.h"

namespace coreheap::commands {

namespace {

using usage::Code;

constexpr std::size_t kBar = 36;  // hashes for 100 %

// Lines of the screen: codes that are told apart only by machines share one.
struct Line {
  std::string_view title;
  std::vector<Code> codes;
};

std::vector<Line> lines_of_screen(const usage::Waterfall& w) {
  std::vector<Line> lines;
  for (const Code code :
       {Code::py_objects, Code::py_buffers, Code::native_owned, Code::native_other,
        Code::free_pymalloc, Code::free_glibc, Code::other_allocator}) {
    if (w.of(code) != 0) lines.push_back({usage::title_of(code), {code}});
  }
  // Two lines of next to nothing are one.
  constexpr double kLittle = 0.01;
  if (w.share(Code::overhead) < kLittle && w.share(Code::anon_other) < kLittle) {
    lines.push_back({"overhead, anonymous", {Code::overhead, Code::anon_other}});
  } else {
    for (const Code code : {Code::overhead, Code::anon_other}) {
      if (w.of(code) != 0) lines.push_back({usage::title_of(code), {code}});
    }
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

}  // namespace

std::vector<Column> where_columns() {
  return {
      {"code", "", ColumnType::text, "stable name of the line"},
      {"cause", "", ColumnType::text, "what the bytes are"},
      {"bytes", "", ColumnType::bytes, "resident bytes, where that is known"},
      {"percent", "", ColumnType::percent, "of the sum"},
      {"mapped", "", ColumnType::bytes, "address space of it, resident or not"},
  };
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
  if (w.swapped > 0) {
    text += fmt::format("  swapped out besides: {} (reading has brought it back)\n",
                        size_text(w.swapped));
  }
  if (w.estimated > 0) {
    text += fmt::format("  estimated by proportion: {}\n", size_text(w.estimated));
  }
  return text;
}

Table where_table(const usage::Waterfall& w) {
  Table table;
  table.columns = where_columns();
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

}  // namespace coreheap::commands
