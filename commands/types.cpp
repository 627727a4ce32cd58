// `types`: live objects by type.
//
// The sums over all types equal what `used` prints for the domain python: both are sums over the
// same rows.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/object_groups.h"
#include "commands/screens.h"
#include "commands/tool_views.h"
#include "commands/words.h"
#include "cpython_layouts/startup.h"
#include "heapparse/usage/type_usage.h"

namespace coreheap::commands {

namespace {

using usage::TypeUsage;

std::vector<Column> columns() {
  return {
      {"type", "", ColumnType::text, "module.qualname, bare for builtins; with --by the group"},
      {"objects", "", ColumnType::integer, "live objects of exactly this type"},
      {"shallow", "", ColumnType::bytes, "sum of sys.getsizeof"},
      {"own", "", ColumnType::bytes, "the objects' own allocations"},
      {"buffers", "", ColumnType::bytes, "allocations that belong to them: items, tables, bytes"},
      {"total", "", ColumnType::bytes, "own + buffers"},
      {"notes", "", ColumnType::text, "where a figure is not what Python would say, and why",
       false},
  };
}

std::string notes_of(const TypeUsage& sum) {
  std::string notes;
  if (sum.overridden != 0) notes = "the class has a __sizeof__ of its own; this is what C says";
  if (sum.unsized != 0) {
    notes += fmt::format("{}{} objects could not be read", notes.empty() ? "" : "; ", sum.unsized);
  }
  return notes;
}

// One remark for all types that it is true of, the largest by name.
std::string remarks_text(const std::map<std::string, std::vector<std::string_view>>& remarks) {
  constexpr std::size_t kMostNames = 6;
  std::string text;
  for (const auto& [remark, names] : remarks) {
    std::string line;
    for (std::size_t i = 0; i < std::min(names.size(), kMostNames); ++i) {
      if (i != 0) line += ", ";
      line += names[i];
    }
    if (names.size() > kMostNames) {
      line += fmt::format(" and {} more", names.size() - kMostNames);
    }
    text += wrapped(fmt::format("{}: {}", line, remark), 2, 80);
  }
  return text;
}

using Lines = std::map<std::string_view, TypeUsage>;

// Takes off each type what an empty interpreter of that version has of it; never more than is
// there. Says what was left out, in a sentence.
std::string leave_out_startup(const layouts::StartupTable* table, Lines& lines) {
  if (table == nullptr) return "nothing: no empty interpreter of this build was ever measured";
  TypeUsage out;
  for (const layouts::StartupUsage& empty : table->types) {
    const auto at = lines.find(empty.type);
    if (at == lines.end()) continue;
    TypeUsage& line = at->second;
    const auto take = [&](std::uint64_t TypeUsage::*figure, std::uint64_t amount) {
      const std::uint64_t taken = std::min(line.*figure, amount);
      line.*figure -= taken;
      out.*figure += taken;
    };
    take(&TypeUsage::objects, empty.objects);
    take(&TypeUsage::shallow, empty.shallow);
    take(&TypeUsage::own, empty.own);
    take(&TypeUsage::buffers, empty.buffers);
    if (line.objects == 0 && line.total() == 0) lines.erase(at);
  }
  return fmt::format(
      "{} objects, {}: what an empty CPython {}.{} has, type by type (estimate: builds of "
      "one version differ by some per cent of it)",
      with_thousands(static_cast<std::int64_t>(out.objects)), size_text(out.total()),
      table->version.major, table->version.minor);
}

// Is the line asked for? All are, without a word.
bool is_asked(const Context& context, std::string_view name) {
  const auto& words = context.arguments.words;
  return words.empty() || name.find(words[0]) != std::string_view::npos;
}

std::unexpected<Error> unknown_grouping(std::string_view word) {
  std::vector<std::string_view> names{"type"};
  for (const Grouping& one : groupings()) names.push_back(one.name);
  std::string hint = suggestion(word, names);
  if (hint.empty()) hint = "type, clodo, rcs, via, module, owner, size";
  return fail(ErrorCode::usage, "--by " + std::string(word),
              "there is no such division of live objects", std::move(hint));
}

// The same screen with another tool's figures.
Result<Report> compat_report(Context& context, std::string_view tool) {
  const ToolView* view = find_tool_view(tool);
  if (view == nullptr) {
    std::vector<std::string_view> names;
    for (const ToolView& one : tool_views()) names.push_back(one.name);
    std::string hint = suggestion(tool, names);
    if (hint.empty()) hint = "guppy, muppy, objgraph, meliae, pyheap";
    return fail(ErrorCode::usage, "--compat " + std::string(tool), "no such tool is known",
                std::move(hint));
  }
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto stage = (*target)->census(context.job);
  if (!stage) return std::unexpected(stage.error());
  const auto counted = view->make(context);
  if (!counted) return std::unexpected(counted.error());
  Table table;
  table.columns = columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  const auto sized = [&](std::uint64_t bytes) {
    return view->has_sizes ? Cell::of_count(bytes) : Cell::absent();
  };
  ToolRow all;
  for (const ToolRow& one : *counted) {
    if (!is_asked(context, one.name)) continue;
    rows->add({Cell::of_text(one.name), Cell::of_count(one.objects), sized(one.bytes),
               Cell::absent(), Cell::absent(), Cell::absent(),
               one.unsure == 0
                   ? Cell::absent()
                   : Cell::of_text(fmt::format("{} of them only by words of a C module's "
                                               "state, which it may not be shown",
                                               one.unsure))});
    all.objects += one.objects;
    all.bytes += one.bytes;
  }
  table.rows = rows;
  table.totals = {{"objects", Cell::of_count(all.objects)}, {"shallow", sized(all.bytes)}};
  Report report = report_on(**target, **stage);
  report.main_name = "types";
  report.add("types", "", std::move(table));
  report.add_text("view", wrapped(fmt::format("AS {} SEES IT  {}. What is there is more: `types`.",
                                              view->name, view->meaning),
                                  0, 80));
  report.next = {{"types", "all that is there, with buffers"}};
  return report;
}

Result<Report> run(Context& context) {
  if (const auto tool = context.arguments.value("compat")) return compat_report(context, *tool);
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto runtime = (*target)->runtime(context.job);
  if (!runtime) return std::unexpected(runtime.error());
  const auto stage = (*target)->census(context.job);
  if (!stage) return std::unexpected(stage.error());
  const census::Census& census = **stage;
  if (*runtime == nullptr && census.types.empty()) {
    return fail(ErrorCode::no_python, (*target)->image().source, "no CPython runtime is inside",
                "used  (what native blocks hold)");
  }
  const auto types = (*target)->types(context.job);
  if (!types) return std::unexpected(types.error());
  const bool with_static = context.arguments.has("static");
  const std::string by(context.arguments.value("by").value_or("type"));
  ObjectGroups groups;
  Lines by_name;  // a class made twice is one line
  if (by == "type") {
    const auto by_type = usage::type_usage(census, (*target)->image().space, *runtime, *types,
                                           with_static, context.job);
    if (!by_type) return std::unexpected(by_type.error());
    for (std::size_t t = 0; t < by_type->size(); ++t) {
      const TypeUsage& one = (*by_type)[t];
      if (one.objects == 0 && one.buffers == 0) continue;
      by_name[census.types[t].name] += one;
    }
  } else {
    const Grouping* grouping = find_grouping(by);
    if (grouping == nullptr) return unknown_grouping(by);
    auto made = grouping->make(context, with_static);
    if (!made) return std::unexpected(made.error());
    groups = std::move(*made);
    const auto sums = usage::group_usage(
        census, (*target)->image().space, *runtime, *types, with_static, groups.names.size(),
        [&](census::RowId row) { return groups.of_row[census::index_of(row)]; }, context.job);
    if (!sums) return std::unexpected(sums.error());
    for (std::size_t g = 0; g < sums->size(); ++g) {
      const TypeUsage& one = (*sums)[g];
      if (one.objects != 0 || one.buffers != 0) by_name[groups.names[g]] += one;
    }
  }
  std::erase_if(by_name, [&](const auto& line) { return !is_asked(context, line.first); });
  std::string left_out;
  if (context.arguments.has("mine") && by == "type" && *runtime != nullptr) {
    left_out = leave_out_startup(layouts::startup_table((*runtime)->layout->version), by_name);
  }
  TypeUsage all;
  for (const auto& [name, sum] : by_name) all += sum;
  std::vector<std::pair<std::string_view, TypeUsage>> lines(by_name.begin(), by_name.end());
  std::stable_sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) {
    return a.second.total() > b.second.total();
  });

  const auto shallow = [&](const TypeUsage& sum) {
    return *runtime == nullptr ? Cell::absent() : Cell::of_count(sum.shallow);
  };
  std::map<std::string, std::vector<std::string_view>> remarks;
  Table table;
  table.columns = columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const auto& [name, sum] : lines) {
    const std::string notes = notes_of(sum);
    rows->add({Cell::of_text(name), Cell::of_count(sum.objects), shallow(sum),
               Cell::of_count(sum.own), Cell::of_count(sum.buffers), Cell::of_count(sum.total()),
               notes.empty() ? Cell::absent() : Cell::of_text(notes)});
    if (!notes.empty()) remarks[notes].push_back(name);
  }
  table.rows = rows;
  table.totals = {{"objects", Cell::of_count(all.objects)},
                  {"shallow", shallow(all)},
                  {"own", Cell::of_count(all.own)},
                  {"buffers", Cell::of_count(all.buffers)},
                  {"total", Cell::of_count(all.total())}};

  Report report = report_on(**target, census);
  report.add("types", "", std::move(table));
  if (!left_out.empty()) report.add_text("left_out", wrapped("LEFT OUT  " + left_out, 0, 80));
  if (!remarks.empty()) {
    report.add_text("remarks", "REMARKS on shallow\n" + remarks_text(remarks));
  }
  report.next = {{"types --sort objects", "the most numerous first"},
                 {"used", "everything in use, native memory too"},
                 {"export -o rows.csv", "every object, one a line"}};
  return report;
}

}  // namespace

Command types_command() {
  return {
      .name = "types",
      .aliases = {},
      .summary = "live objects by type, with the buffers they own",
      .description =
          "One line a type, the one with most bytes first. Only live objects in a heap count: not\n"
          "what waits on a free list, and, without --static, not what lies in a module's data.\n"
          "shallow is what sys.getsizeof says; own is what the objects take in their allocator,\n"
          "rounding included; each buffer counts once, with its one owner. --mine takes off each\n"
          "type what an interpreter of that version has that ran nothing: 1 to 3 MiB, measured "
          "once,\n"
          "never more than is there. It tells no single object from another.\n"
          "\n"
          "--by divides them otherwise: clodo tells a dict by the class or module whose "
          "attributes\n"
          "it holds, rcs goes by the kinds of what refers to an object, via by the names under "
          "which\n"
          "that is, module by the module of its class, owner by what of the program keeps it (WHO\n"
          "HOLDS IT), size by sys.getsizeof. rcs, via and owner follow all references.\n"
          "--compat counts what that tool would list from inside, with its names and sizes.\n"
          "With TEXT only lines whose name has it, and the total of those.",
      .usage = "[TEXT]",
      .max_words = 1,
      .options = {{"static", 0, "", "count static objects too"},
                  {"by", 0, "KEY", "type, clodo, rcs, via, module, owner or size"},
                  {"compat", 0, "TOOL", "count as guppy, muppy, objgraph, meliae, pyheap do"},
                  {"mine", 0, "", "leave out what an empty interpreter has (estimate)"}},
      .columns = columns(),
      .group = Group::alive,
      .run = run};
}

}  // namespace coreheap::commands
