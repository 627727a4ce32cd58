#include "commands/holder_lists.h"

#include <fmt/format.h>

#include <algorithm>

#include "commands/figures.h"
#include "heapparse/python/references.h"
#include "heapparse/python/types/dict.h"
#include "heapparse/python/types/long_int.h"

namespace coreheap::commands {

namespace {

using graph::NodeId;

std::string counted(std::uint64_t n, std::string_view what) {
  return fmt::format("{} {}", with_thousands(static_cast<std::int64_t>(n)), what);
}

}  // namespace

Result<graph::Holders> holders_of(Context& context, GraphView& view) {
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto dominators = (*target)->dominators(context.job);
  if (!dominators) return std::unexpected(dominators.error());
  return graph::find_holders({view.target().image(), view.census(), view.runtime(), view.types()},
                             view.graph(), **dominators, context.job);
}

std::string place_text(GraphView& view, NodeId node) {
  return graph::place_text(view.way_text(graph::kept_path(view.graph(), node)));
}

std::string cache_text(GraphView& view, NodeId node) {
  const auto object = view.object(node);
  if (!object || object->type->name != "functools._lru_cache_wrapper") return {};
  std::optional<std::uint64_t> entries;
  std::optional<std::int64_t> limit;
  python::for_each_reference(view.decoder(), *object, [&](const python::Reference& reference) {
    if (reference.name.text == "cache") {
      const auto dict = python::view_dict(view.decoder().reader(), reference.target);
      if (dict) entries = dict->used;
    } else if (reference.name.text == "maxsize") {
      limit = python::int_value(view.decoder().reader(), reference.target);
    }
  });
  if (!entries) return {};
  const std::string have = with_thousands(static_cast<std::int64_t>(*entries));
  if (!limit) return fmt::format("functools.lru_cache, {} entries (not bounded)", have);
  return fmt::format(
      "functools.lru_cache, {} of {} ({}bounded)", have, with_thousands(*limit),
      *entries >= static_cast<std::uint64_t>(std::max<std::int64_t>(0, *limit)) ? "full: " : "");
}

std::string holder_place(GraphView& view, const graph::Holder& holder) {
  return holder.count > 1 ? counted(holder.count, view.type(holder.place))
                          : place_text(view, holder.place);
}

NamedHolder name_holder(GraphView& view, const graph::Holder& holder) {
  NamedHolder named{holder, {}, {}, {}};
  const auto described = [&](NodeId id) {
    std::string text = cache_text(view, id);
    if (!text.empty()) return text;
    text = view.type(id);
    const std::string label = view.label(id);
    if (!label.empty()) text += ", " + label;
    return text;
  };
  named.place = holder_place(view, holder);
  if (holder.count > 1) {
    named.what = "largest: " + place_text(view, holder.place);
  } else {
    named.what = described(holder.place);
    if (holder.accumulation != NodeId::none && holder.accumulation != holder.place) {
      named.what += "; it piles up in " + place_text(view, holder.accumulation) + ", " +
                    described(holder.accumulation);
    }
  }
  if (holder.part != NodeId::none) {
    named.inside =
        fmt::format("largest part: {}, {}", counted(holder.part_count, view.type(holder.part)),
                    size_text(holder.part_bytes));
  }
  return named;
}

std::vector<Column> holder_columns() {
  return {
      {"number", "#", ColumnType::identifier, "row number: the next command takes it as #1"},
      {"place", "", ColumnType::text, "where it hangs, as the program would write it"},
      {"what", "", ColumnType::text, "what it is, and where in it the bytes pile up"},
      {"bytes", "", ColumnType::bytes, "what would be freed with it"},
      {"percent", "", ColumnType::percent, "of all bytes in use"},
      {"objects", "", ColumnType::integer, "objects of one type side by side; 1: one object"},
      {"type", "", ColumnType::text, "its type", false},
      {"inside", "", ColumnType::text, "of what most of it consists", false},
      {"address", "", ColumnType::address, "its id(); of several, the largest one's"},
      {"root", "", ColumnType::text, "kind of root that its way begins with", false},
  };
}

Table holder_table(GraphView& view, const std::vector<NamedHolder>& holders, std::uint64_t total) {
  Table table;
  table.columns = holder_columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  std::uint64_t number = 0;
  for (const NamedHolder& one : holders) {
    const Address address = view.address(one.holder.place);
    rows->add({Cell::of_count(++number), Cell::of_text(one.place), Cell::of_text(one.what),
               Cell::of_count(one.holder.bytes),
               Cell::of_number(100.0 * static_cast<double>(one.holder.bytes) /
                               static_cast<double>(std::max<std::uint64_t>(1, total))),
               Cell::of_count(one.holder.count), Cell::of_text(view.type(one.holder.place)),
               one.inside.empty() ? Cell::absent() : Cell::of_text(one.inside),
               address ? Cell::of_address(address) : Cell::absent(),
               Cell::of_text(graph::name_of(one.holder.root))});
  }
  table.rows = rows;
  return table;
}

namespace {

// A holder of the first screen holds at least this share.
constexpr double kLeastShare = 0.02;
// What would be shown as 0.0 MiB is not worth a line.
constexpr std::uint64_t kShown = (1 << 20) / 20;
// Garbage is worth a collection from here on.
constexpr std::uint64_t kWorthCollecting = 1 << 20;
// Lines behind NEXT: the first screen fits into 40.
constexpr std::size_t kMostNext = 4;

// Does its way begin where a program keeps things, not in C or the interpreter's own?
bool is_users(const graph::Holder& holder) {
  switch (holder.root) {
    case graph::RootKind::modules:
    case graph::RootKind::frame:
    case graph::RootKind::thread:
    case graph::RootKind::c_references:
      return true;
    default:
      return false;
  }
}

std::string mebibytes(std::uint64_t bytes) {
  const std::uint64_t tenths = (bytes * 10 + (1 << 19)) >> 20;
  if (tenths >= 1000) return with_thousands(static_cast<std::int64_t>((tenths + 5) / 10));
  return fmt::format("{}.{}", tenths / 10, tenths % 10);
}

}  // namespace

std::string holder_line(std::string_view number, std::string_view text, std::uint64_t bytes) {
  return fmt::format("  {:<3}{:<66}{:>9}\n", number, fitted(text, 65), mebibytes(bytes));
}

Result<void> add_holders(Context& context, const HolderLines& lines, Report& report) {
  auto opened = GraphView::open(context);
  if (!opened) return std::unexpected(opened.error());
  GraphView& view = **opened;
  const auto found = holders_of(context, view);
  if (!found) return std::unexpected(found.error());
  std::string screen =
      fmt::format("WHO HOLDS IT   {:<62}{:>3}\n", "freed if it went (no double counting)", "MiB");
  std::vector<NamedHolder> named;
  std::uint64_t rest = 0;
  std::uint64_t largest_of_rest = 0;
  std::uint64_t native = 0;
  std::size_t shown = 0;
  Address first;  // of those shown
  const auto least = static_cast<std::uint64_t>(kLeastShare * static_cast<double>(found->total));
  for (const graph::Holder& holder : found->holders) {
    if (shown < lines.most && holder.bytes > least &&
        (is_users(holder) || holder.bytes > 5 * least)) {
      // Numbers are the same whether native blocks are shown or not.
      const bool apart = lines.native_apart && !view.graph().is_object(holder.place);
      named.push_back(name_holder(view, holder));
      report.numbered.push_back(view.address(holder.place));
      if (apart) {
        native += holder.bytes;
        continue;
      }
      if (shown++ == 0) first = report.numbered.back();
      const NamedHolder& one = named.back();
      screen += holder_line(fmt::format("#{}", named.size()), one.place, one.holder.bytes);
      if (!lines.described) continue;
      std::string more = one.what;
      if (!one.inside.empty()) more += "; " + one.inside;
      screen += "     " + fitted(more, 74) + "\n";
    } else {
      rest += holder.bytes;
      largest_of_rest = std::max(largest_of_rest, holder.bytes);
    }
  }
  screen += holder_line("", "modules, classes, functions and what is never freed", found->code);
  if (native >= kShown) {
    screen += holder_line("", "native blocks that no one object holds alone (above)", native);
  }
  screen += holder_line("", "everything else, largest " + size_text(largest_of_rest), rest);
  // A cure only where it would show, as the other cures are.
  const bool worth_collecting =
      found->garbage >= kWorthCollecting &&
      static_cast<double>(found->garbage) >= kLeastShare * static_cast<double>(found->total);
  if (found->garbage >= kShown) {
    screen += holder_line("",
                          worth_collecting
                              ? "garbage waiting for the collector: gc.collect() would free it"
                              : "garbage waiting for the collector",
                          found->garbage);
  }
  if (found->orphans >= kShown && !lines.native_apart) {
    screen +=
        holder_line("",
                    fmt::format("{} native blocks nothing points to",
                                with_thousands(static_cast<std::int64_t>(found->orphan_blocks))),
                    found->orphans);
  }
  KeyValues facts;
  facts.bytes("in_use", found->total);
  facts.bytes("code", found->code);
  facts.bytes("native_of_several", native);
  facts.bytes("rest", rest);
  facts.bytes("garbage", found->garbage);
  facts.bytes("orphan_blocks", found->orphans);
  report.add("holders_summary", "", std::move(facts)).screen = "";
  report.add("holders", "", holder_table(view, named, found->total)).screen = std::move(screen);
  if (first) {
    report.next.insert(report.next.begin(),
                       {"why " + hex_text(first), "what keeps the largest holder alive"});
    report.next.insert(report.next.begin() + 1, {"leaks", "suspects, each with a sentence"});
  }
  if (worth_collecting) {
    report.next.insert(report.next.begin(),
                       {"garbage", "what a collection would free, and where to cut"});
    if (report.next.size() > kMostNext) report.next.pop_back();
  }
  return {};
}

}  // namespace coreheap::commands
