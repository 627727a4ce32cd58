// `heap`: the first screen. What the memory is, in a table that adds up, and what to type next;
// within 80 columns and 40 lines of plain ASCII.
#include <algorithm>
#include <tuple>

#include "commands/cgroup_screen.h"
#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/free_memory_screens.h"
#include "commands/holder_lists.h"
#include "commands/native_memory.h"
#include "commands/screens.h"
#include "commands/title_lines.h"
#include "commands/verdict_screen.h"
#include "commands/where_screen.h"
#include "heapparse/usage/free_memory.h"
#include "heapparse/usage/verdict.h"
#include "heapparse/usage/waterfall.h"

namespace coreheap::commands {

namespace {

constexpr std::size_t kMostSteps = 4;
constexpr std::size_t kLines = 40;      // of the screen
constexpr std::size_t kLinesBelow = 9;  // what was not seen, and what to type next
constexpr std::size_t kMostReasons = 2;
constexpr std::size_t kMostCures = 4;
constexpr std::size_t kMostNative = 3;  // lines of WHOSE NATIVE MEMORY

KeyValues summary(const image::Image& image, const python::Runtime* runtime,
                  const Allocators& allocators, const usage::Waterfall& w) {
  KeyValues values;
  values.text("source", image.source);
  if (image.process.pid) values.identifier("pid", *image.process.pid);
  values.text("command_line", image.process.command_line);
  if (runtime != nullptr) {
    values.text("python", runtime->version_text);
    values.boolean("best_effort", runtime->best_effort);
  }
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
      add("fragmentation", "what holds it, and what would return it");
      add("rss --arenas", "the arenas, and what each keeps");
      add("map", "a picture of it");
    }
    if (line.cause == "native" && python) add("native", "native memory by who holds it");
    if (line.cause == "native") add("sizes", "block sizes: which one stands out");
    if (line.cause == "native") add("used", "what the blocks hold");
  }
  if (python) add("types", "live objects by type");
  add("used", "blocks in use by kind");
  add("info", "how everything was found");
  if (next.size() > kMostSteps) next.resize(kMostSteps);
  return next;
}

// The POD line, empty where there is nothing to say of one; its figures join the summary.
std::string add_cgroup(Context& context, Target& target, KeyValues& summary) {
  const image::Image& image = target.image();
  if (image.kind == image::TargetKind::kernel_core || image.kind == image::TargetKind::gcore) {
    return "POD no cgroup data in this core\n";
  }
  const auto group = target.cgroup(context.job);
  if (!group || *group == nullptr) return {};
  const KeyValues values = cgroup_values(**group);
  summary.values.insert(summary.values.end(), values.values.begin(), values.values.end());
  return pod_lines(**group);
}

std::size_t lines_in(std::string_view text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

// Lines of the screen that are taken, those below the last section included.
std::size_t lines_taken(const Report& report) {
  std::size_t used = kLinesBelow;
  for (const Section& section : report.sections) {
    used += 1 + lines_in(section.screen.value_or(std::string()));
  }
  return used;
}

// As many of each as the screen has room for; machines get all.
void add_why_free_memory_stays(const usage::FreeMemory& memory, const usage::Waterfall& w,
                               Report& report) {
  const std::vector<usage::Reason> reasons = usage::why_it_stays(memory, w);
  const std::vector<usage::Cure> cures = usage::cures(memory, w);
  const std::size_t used = lines_taken(report);
  std::size_t most_reasons = std::min(kMostReasons, reasons.size());
  std::size_t most_cures = std::min(kMostCures, cures.size());
  const auto texts = [&] {
    std::string why = most_reasons == 0 ? "" : reason_screen(reasons, most_reasons);
    std::string cure =
        most_cures == 0
            ? ""
            : cure_screen({cures.begin(), cures.begin() + static_cast<std::ptrdiff_t>(most_cures)},
                          false);
    return std::pair(std::move(why), std::move(cure));
  };
  auto [why, cure] = texts();
  // A title and a blank line for the reasons, a blank line for the cures.
  while (used + lines_in(why) + lines_in(cure) + 3 > kLines && most_reasons + most_cures > 2) {
    --(most_cures > most_reasons ? most_cures : most_reasons);
    std::tie(why, cure) = texts();
  }
  if (!reasons.empty()) {
    report.add("reasons", "WHY IT STAYS", reason_table(reasons)).screen = std::move(why);
  }
  if (!cures.empty()) report.add("cures", "", cure_table(cures)).screen = std::move(cure);
}

bool names(const std::vector<usage::VerdictLine>& verdict, std::string_view cause) {
  return std::any_of(verdict.begin(), verdict.end(),
                     [&](const usage::VerdictLine& line) { return line.cause == cause; });
}

struct References {
  std::shared_ptr<GraphView> view;
  NativeMemory native;
};

Result<References> follow_references(Context& context) {
  auto view = GraphView::open(context);
  if (!view) return std::unexpected(view.error());
  auto native = native_memory(context, **view);
  if (!native) return std::unexpected(native.error());
  return References{*view, *std::move(native)};
}

// Who holds it, of native memory apart where that is a matter. What cannot be said is a line: the
// rest of the screen is as good as ever.
Result<void> add_who_holds_it(Context& context, const std::optional<References>& references,
                              std::string not_followed,
                              const std::vector<usage::VerdictLine>& verdict, Report& report) {
  if (references) {
    // Two lines each, so that the screen keeps within 40.
    HolderLines lines{.most = verdict.size() > 1 ? kMostHolders - 1 : kMostHolders};
    if (names(verdict, "native")) {
      lines = {.most = 1, .native_apart = true};
      // A title and the rest of it, one holder of two lines, and what stands below that.
      constexpr std::size_t kOthers = 3 + 1 + 2 + 4;
      const std::size_t used = lines_taken(report) + kOthers;
      const std::size_t room = used < kLines ? kLines - used : 0;
      lines.described = room > 0;
      add_native_holders(*references->view, references->native,
                         std::clamp<std::size_t>(room, 1, kMostNative), report);
    }
    if (auto done = add_holders(context, lines, report); !done) {
      if (done.error().code == ErrorCode::cancelled) return std::unexpected(done.error());
      not_followed = done.error().reason;
    }
  }
  if (!not_followed.empty()) {
    report.add_text("holders_error", wrapped("WHO HOLDS IT   not known: " + not_followed, 0, 80));
  }
  if (report.next.size() > kMostSteps) report.next.resize(kMostSteps);
  return {};
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
  usage::Waterfall w = usage::waterfall(**census, image);
  std::vector<usage::VerdictLine> verdict = usage::verdict(w, (*census)->coverage);
  // Where free memory is the matter, why it stays takes the place of who holds the rest.
  const bool much_is_free = names(verdict, "free");
  const bool follow = *runtime != nullptr && !much_is_free && !context.arguments.has("quick");
  std::optional<References> references;
  std::string not_followed;
  if (follow) {
    auto done = follow_references(context);
    if (done) {
      references = *std::move(done);
      w = usage::waterfall_by_mapping(**census, image, &references->native.owned).sum;
      verdict = usage::verdict(w, (*census)->coverage);
    } else if (done.error().code == ErrorCode::cancelled) {
      return std::unexpected(done.error());
    } else {
      not_followed = done.error().reason;
    }
  }
  const auto other = target.other_allocator(context.job);
  if (!other) return std::unexpected(other.error());
  const Allocators allocators = allocators_of(**heaps, **pymalloc, *other);

  Report report = report_on(target, **census);
  report.main_name = "where";
  KeyValues values = summary(image, *runtime, allocators, w);
  const std::string pod = add_cgroup(context, target, values);
  report.add("summary", "", std::move(values)).screen =
      first_line(image, *runtime) + second_line(image, allocators) + pod;
  report.add("verdict", "", verdict_table(verdict)).screen = verdict_screen(verdict);
  report.add("where", "", where_table(w)).screen = where_screen(w);
  if (much_is_free) {
    const usage::FreeMemory memory = usage::free_memory(image, **heaps, **pymalloc);
    add_why_free_memory_stays(memory, w, report);
  }
  if (!report.not_seen.empty()) report.not_seen += ".\n          One look cannot show growth.";
  report.next = next_steps(verdict, *runtime != nullptr);
  if (follow) {
    if (auto done = add_who_holds_it(context, references, not_followed, verdict, report); !done) {
      return std::unexpected(done.error());
    }
  }
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
          "space counts whole blocks; headers inside used blocks count with the block. Where "
          "native\n"
          "memory is a cause, then whose it is, by the objects that it is charged to (see "
          "native).\n"
          "Then who holds it: disjoint parts of the heap, each with the bytes that would be freed\n"
          "with it; modules, classes and functions are looked through. --quick stops before\n"
          "references are followed: then no native memory has a known owner.",
      .usage = "",
      .options = {{"quick", 0, "", "without the references: not who holds it"}},
      .columns = where_columns(),
      .group = Group::where,
      .run = run};
}

}  // namespace coreheap::commands
