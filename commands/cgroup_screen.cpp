// A control group in figures.
#include "commands/cgroup_screen.h"

#include <fmt/format.h>

#include <vector>

#include "commands/figures.h"

namespace coreheap::commands {

namespace {

constexpr std::uint64_t kMebi = 1 << 20;
constexpr std::size_t kWidth = 80;

Cell percent_of(std::int64_t part, std::uint64_t whole) {
  if (whole == 0) return Cell::absent();
  const double percent = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  return Cell::of_number(percent < 0 && percent > -0.5 ? 0 : percent);  // no "-0 %"
}

}  // namespace

Table cgroup_table(const image::Cgroup& g) {
  Table table;
  table.columns = {{"part", "", ColumnType::text, "stable name of the line"},
                   {"what", "", ColumnType::text, "what it is"},
                   {"bytes", "", ColumnType::bytes, "charged to the group"},
                   {"percent", "", ColumnType::percent, "of the group's figure"}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  const auto add = [&](std::string_view part, const std::string& what, std::int64_t bytes) {
    rows->add({Cell::of_text(part), Cell::of_text(what), Cell::of_integer(bytes),
               percent_of(bytes, g.current)});
  };
  const auto whole = [](std::uint64_t n) { return static_cast<std::int64_t>(n); };
  const std::size_t others = g.processes.size() - std::min<std::size_t>(g.processes.size(), 1);
  add("this", "this process: anonymous memory (PSS)", whole(g.self_anonymous()));
  add("others", fmt::format("{} other processes: anonymous memory (PSS)", others),
      whole(g.others_anonymous()));
  add("shmem", "tmpfs and shared memory", whole(g.shmem));
  add("file", "page cache of files", whole(g.file));
  add("slab", "kernel: slab", whole(g.slab));
  add("sockets", "kernel: socket buffers", whole(g.sockets));
  add("page_tables", "kernel: page tables", whole(g.page_tables));
  add("kernel_stacks", "kernel: stacks", whole(g.kernel_stacks));
  add("kernel_other", g.version == 1 ? "kernel: all of it" : "kernel: other",
      whole(g.kernel_other));
  add("rest", "rest: of nobody here, or counted late", g.rest());
  table.rows = rows;
  table.totals = {{"bytes", Cell::of_count(g.current)},
                  {"percent", Cell::of_number(g.current == 0 ? 0 : 100)}};
  table.cut_as_text = false;
  return table;
}

KeyValues cgroup_values(const image::Cgroup& g) {
  KeyValues values;
  values.text("cgroup", g.path, "control group");
  values.count("cgroup_version", static_cast<std::uint64_t>(g.version), "version");
  values.bytes("cgroup_current", g.current, "now");
  if (g.limit) values.bytes("cgroup_limit", *g.limit, "limit");
  if (g.peak) values.bytes("cgroup_peak", *g.peak, "peak");
  if (g.oom_kills) values.count("cgroup_oom_kills", *g.oom_kills, "oom kills so far");
  values.bytes("cgroup_reclaimable", g.reclaimable, "file cache that is easily given up");
  if (g.swap) values.bytes("cgroup_swap", *g.swap, "swapped out, besides");
  values.count("cgroup_processes", g.processes.size(), "processes");
  return values;
}

std::string pod_lines(const image::Cgroup& g) {
  // The rest joins the kernel's part; where that would be negative the sum is not claimed.
  const std::int64_t rest = g.rest() + static_cast<std::int64_t>(g.kernel());
  const std::vector<std::uint64_t> parts = {g.self_anonymous(), g.others_anonymous(), g.shmem,
                                            g.file,
                                            static_cast<std::uint64_t>(rest > 0 ? rest : 0)};
  const std::size_t others = g.processes.size() - std::min<std::size_t>(g.processes.size(), 1);
  const std::string titles[] = {"this process ",
                                fmt::format("{} other{} ", others, others == 1 ? "" : "s"), "shm ",
                                "cache ", "kernel, rest "};
  std::uint64_t total = 0;
  const std::vector<std::uint64_t> rounded = rounded_to_sum(parts, kMebi, &total);
  const auto number = [](std::uint64_t n) { return with_thousands(static_cast<std::int64_t>(n)); };
  std::string line = "POD " + number(rest >= 0 ? total : (g.current + kMebi / 2) / kMebi);
  if (g.limit && *g.limit > 0) {
    line += fmt::format(" of {} MiB ({:.0f} %)", number(*g.limit / kMebi),
                        100.0 * static_cast<double>(g.current) / static_cast<double>(*g.limit));
  } else {
    line += " MiB (no limit)";
  }
  line += rest >= 0 ? "  =" : "  of which";
  const std::string_view between = rest >= 0 ? " + " : ", ";
  const std::string_view at_end = between.substr(0, between.find_last_not_of(' ') + 1);
  std::vector<std::string> said;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (rounded[i] != 0 || i == 0) said.push_back(titles[i] + number(rounded[i]));
  }
  line += ' ';
  std::string out;
  for (std::size_t i = 0; i < said.size(); ++i) {
    // A part that another follows has its separator on the same line.
    const bool last = i + 1 == said.size();
    if (line.size() + said[i].size() + (last ? 0 : at_end.size()) > kWidth) {
      out += line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
      line = "    ";
    }
    line += said[i];
    if (!last) line += between;
  }
  out += line + '\n';
  std::string second = fmt::format("    reclaimable file cache inside that: {} MiB.",
                                   number((g.reclaimable + kMebi / 2) / kMebi));
  if (g.oom_kills) second += fmt::format("  oom kills so far: {}", *g.oom_kills);
  return out + second + '\n';
}

}  // namespace coreheap::commands
