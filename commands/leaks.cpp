// `leaks`: what is suspicious of one look at the heap. Eclipse MAT's method: whatever retains more
// than a share of the heap is a suspect, and so are many objects of one type that together do; the
// accumulation point, where the bytes fan out, and the way to it say where to look.
//
// One look cannot tell a leak from a cache that is meant to be large: the words are chosen so.
#include <fmt/format.h>

#include <algorithm>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/holder_lists.h"
#include "commands/screens.h"

namespace coreheap::commands {

namespace {

using graph::NodeId;
using graph::RootKind;

constexpr double kShare = 10;  // percent
// Below this nobody has a leak, however small the heap is.
constexpr std::uint64_t kLeast = 512 << 10;
constexpr std::size_t kTextSuspects = 5;

struct Suspect {
  std::string kind;      // for machines: holder, group, c-references, garbage, orphan-blocks
  std::string sentence;  // what a person reads
  NamedHolder named;
};

std::string percent_of(std::uint64_t bytes, std::uint64_t total) {
  return percent_text(100.0 * static_cast<double>(bytes) /
                      static_cast<double>(std::max<std::uint64_t>(1, total)));
}

Suspect suspect_of(GraphView& view, const graph::Holder& holder, std::uint64_t total) {
  Suspect suspect{holder.count > 1 ? "group" : "holder", {}, name_holder(view, holder)};
  const NamedHolder& named = suspect.named;
  const std::string share = fmt::format("{}, {} of what is in use", size_text(holder.bytes),
                                        percent_of(holder.bytes, total));
  if (holder.root == RootKind::c_references) {
    suspect.kind = "c-references";
    suspect.sentence = fmt::format(
        "{} hang on references that only C code can hold: their refcounts count more than anything "
        "seen refers to them. {}.",
        named.place, share);
    if (holder.count == 1) {
      suspect.sentence = fmt::format(
          "{} hangs on a reference that only C code can hold: its refcount counts more than "
          "anything "
          "seen refers to it. {}.",
          view.type(holder.place), share);
    }
  } else if (holder.count > 1) {
    suspect.sentence = fmt::format("{} hang side by side: {}. The largest is {}.", named.place,
                                   share, place_text(view, holder.place));
  } else {
    suspect.sentence = fmt::format("{} holds {}. It is {}.", named.place, share, named.what);
  }
  if (!named.inside.empty()) {
    suspect.sentence += fmt::format(" The {}.", named.inside);
  }
  return suspect;
}

Table suspect_table(GraphView& view, const std::vector<Suspect>& suspects, std::uint64_t total) {
  std::vector<NamedHolder> holders;
  holders.reserve(suspects.size());
  for (const Suspect& one : suspects) holders.push_back(one.named);
  Table table = holder_table(view, holders, total);
  return table;
}

Result<Report> run(Context& context) {
  double share = kShare;
  if (const auto word = context.arguments.value("share")) {
    const auto percent = parse_number(*word, "--share");
    if (!percent) return std::unexpected(percent.error());
    if (*percent == 0 || *percent > 100) {
      return fail(ErrorCode::usage, "--share", "'" + std::string(*word) + "' is no share",
                  "a percentage, 1 to 100");
    }
    share = static_cast<double>(*percent);
  }
  auto opened = GraphView::open(context);
  if (!opened) return std::unexpected(opened.error());
  GraphView& view = **opened;
  const auto found = holders_of(context, view);
  if (!found) return std::unexpected(found.error());
  const std::uint64_t total = found->total;
  const auto least =
      std::max(kLeast, static_cast<std::uint64_t>(share / 100 * static_cast<double>(total)));

  std::vector<Suspect> suspects;
  for (const graph::Holder& holder : found->holders) {
    if (holder.bytes < least) break;
    suspects.push_back(suspect_of(view, holder, total));
  }
  // What nobody holds is no holder's: added by size.
  const auto add = [&](std::string kind, RootKind root, std::uint64_t bytes, std::uint64_t count,
                       std::string place, std::string sentence) {
    if (bytes < least) return;
    Suspect suspect{std::move(kind), std::move(sentence), {}};
    suspect.named.holder.root = root;
    suspect.named.holder.bytes = bytes;
    suspect.named.holder.count = count;
    suspect.named.place = std::move(place);
    for (std::size_t r = 0; r < view.graph().roots().size(); ++r) {
      if (view.graph().roots()[r].kind != root) continue;
      std::uint64_t largest = 0;
      view.graph().for_each_referent(view.graph().root_id(r), [&](NodeId id) {
        if (suspect.named.holder.place != NodeId::none && view.graph().weight(id) <= largest)
          return;
        largest = view.graph().weight(id);
        suspect.named.holder.place = id;
      });
    }
    if (suspect.named.holder.place == NodeId::none) return;
    suspect.named.what = "largest: " + view.type(suspect.named.holder.place);
    suspects.push_back(std::move(suspect));
  };
  const std::uint64_t garbage = view.graph().garbage().size();
  add("garbage", RootKind::unreachable, found->garbage, garbage, "garbage",
      fmt::format(
          "{} objects only refer to one another and wait for the collector: {}, {} of what is "
          "in use.",
          with_thousands(static_cast<std::int64_t>(garbage)), size_text(found->garbage),
          percent_of(found->garbage, total)));
  add("orphan-blocks", RootKind::orphan_block, found->orphans, found->orphan_blocks,
      "native blocks nothing points to",
      fmt::format("{} native blocks have nothing that points to them: {}, {} of what is in use.",
                  with_thousands(static_cast<std::int64_t>(found->orphan_blocks)),
                  size_text(found->orphans), percent_of(found->orphans, total)));
  std::stable_sort(suspects.begin(), suspects.end(), [](const Suspect& a, const Suspect& b) {
    return a.named.holder.bytes > b.named.holder.bytes;
  });

  Report report = report_on(view.target(), view.census());
  std::string screen;
  if (suspects.empty()) {
    screen = fmt::format("NO SUSPECTS   nothing holds {} ({:.0f} % of what is in use) or more\n",
                         size_text(least), share);
    if (!found->holders.empty()) {
      const NamedHolder largest = name_holder(view, found->holders.front());
      screen += wrapped(fmt::format("The largest holder is {}: {}.", largest.place,
                                    size_text(largest.holder.bytes)),
                        2, 80);
    }
  } else {
    screen = fmt::format("SUSPECTS   {} of {} in use\n", suspects.size(), size_text(total));
  }
  for (std::size_t i = 0; i < suspects.size(); ++i) {
    const Suspect& one = suspects[i];
    report.numbered.push_back(view.address(one.named.holder.place));
    if (i >= kTextSuspects) continue;
    screen += fmt::format("\n#{}  {}\n", i + 1, fitted(one.named.place, 74));
    screen += wrapped(one.sentence, 4, 80);
    const NodeId end = one.named.holder.accumulation != NodeId::none ? one.named.holder.accumulation
                                                                     : one.named.holder.place;
    screen += view.way_lines(graph::kept_path(view.graph(), end), 6);
  }
  if (suspects.size() > kTextSuspects) {
    screen += fmt::format("\n({} more: --format json)\n", suspects.size() - kTextSuspects);
  }
  KeyValues facts;
  facts.count("suspects", suspects.size());
  facts.bytes("in_use", total);
  facts.bytes("threshold", least);
  facts.bytes("garbage", found->garbage);
  facts.bytes("orphan_blocks", found->orphans);
  facts.bytes("code", found->code);
  report.add("summary", "", std::move(facts)).screen = "";
  report.main_name = "suspects";
  report.add("suspects", "", suspect_table(view, suspects, total)).screen = std::move(screen);
  Table sentences;
  sentences.columns = {{"kind", "", ColumnType::text, ""}, {"sentence", "", ColumnType::text, ""}};
  auto rows = std::make_shared<FixedRows>(sentences.columns.size());
  for (const Suspect& one : suspects) {
    rows->add({Cell::of_text(one.kind), Cell::of_text(one.sentence)});
  }
  sentences.rows = rows;
  report.add("sentences", "", std::move(sentences)).screen = "";
  report.not_seen += report.not_seen.empty() ? "" : ".\n          ";
  report.not_seen += "One look cannot tell a leak from a large cache";
  if (!suspects.empty()) {
    const std::string first = hex_text(report.numbered.front());
    report.next = {{"why " + first, "the way to the first suspect"},
                   {"retained " + first, "what would be freed with it"},
                   {"dominators " + first, "its parts, the largest first"}};
  } else {
    report.next = {{"dominators", "what holds most, however little"},
                   {"types", "live objects by type"}};
  }
  return report;
}

}  // namespace

Command leaks_command() {
  return {
      .name = "leaks",
      .aliases = {},
      .summary = "suspects: who holds a large share of the heap, and the way there",
      .description =
          "Whatever retains more than a tenth of what is in use is a suspect: one object, or many\n"
          "of one type side by side, references that only C code can hold, garbage, native blocks\n"
          "that nothing points to. Each with a sentence, the point where its bytes pile up, and\n"
          "the way from a root to it. Modules, classes and functions are looked through: what\n"
          "they hold is what counts. One look cannot tell a leak from a large cache.",
      .usage = "",
      .options = {{"share", 0, "PERCENT", "suspects hold at least this share (default 10)"}},
      .columns = holder_columns(),
      .group = Group::holders,
      .cost = Cost::dominators,
      .run = run};
}

}  // namespace coreheap::commands
