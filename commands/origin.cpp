// `origin`: where the block around an address was allocated, if tracemalloc was on.
//
// The trace is looked up by the block, so headers in front of an object (which CPython 3.11 forgets
// when asked for the same) do not hide it.
#include <fmt/format.h>

#include "commands/commands.h"
#include "commands/figures.h"
#include "commands/screens.h"
#include "commands/trace_reports.h"

namespace coreheap::commands {

namespace {

using python::Tracemalloc;

std::vector<Column> columns() {
  return {
      {"frame", "", ColumnType::identifier, "0 is the innermost"},
      {"line", "", ColumnType::identifier, "line of the file"},
      {"file", "", ColumnType::text, "file of the frame's code"},
  };
}

constexpr std::size_t kFileWidth = 64;  // beside two numbers within 80 columns

Table frames_table(const Tracemalloc& traces, std::uint32_t traceback, bool as_text) {
  Table table;
  table.columns = columns();
  table.cut_as_text = false;
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  std::uint64_t number = 0;
  for (const python::TraceFrame& frame : traces.frames_of(traceback)) {
    const std::string& file = traces.files[frame.file];
    rows->add({Cell::of_count(number++), Cell::of_count(frame.line),
               Cell::of_text(as_text ? tail_fitted(file, kFileWidth) : file)});
  }
  table.rows = rows;
  return table;
}

Result<Report> run(Context& context) {
  const auto address = context.session.address_of(context, context.arguments.words[0]);
  if (!address) return std::unexpected(address.error());
  auto opened = context.session.target(context.job);
  if (!opened) return std::unexpected(opened.error());
  Target& target = **opened;
  const auto found = traces_of(context, target);
  if (!found) return std::unexpected(found.error());
  const Tracemalloc& traces = **found;
  const auto census = target.census(context.job);
  if (!census) return std::unexpected(census.error());

  const census::Rows& rows = (*census)->rows;
  const census::RowId row = (*census)->row_holding(*address);
  // Extensions trace memory of their own, which need not be a block: then the exact address counts.
  const auto trace = row != census::RowId::none ? trace_of_row(traces, rows, row)
                                                : traces.trace_in({*address, *address + 1});
  if (!trace) {
    if (row == census::RowId::none && !target.image().space.is_mapped(*address)) {
      return fail(ErrorCode::not_mapped, hex_text(*address), "the target has nothing mapped there");
    }
    return fail(ErrorCode::not_traced, hex_text(*address),
                row == census::RowId::none ? "it is in no traced block"
                                           : "its block was made before tracing began, or by code "
                                             "that calls malloc itself",
                "show " + hex_text(*address) + "  (what it is)");
  }

  Report report = report_on(target);
  KeyValues values;
  if (row != census::RowId::none && rows.holds_object(row)) {
    values.address("object", rows.object(row));
    values.text("type", (*census)->types[census::index_of(rows.type(row))].name);
    report.result_address = rows.object(row);
  } else {
    report.result_address = traces.addresses[*trace];
    if (row != census::RowId::none) values.text("kind", (*census)->kind_of(row));
  }
  values.address("traced_address", traces.addresses[*trace], "traced block");
  values.bytes("traced_size", traces.sizes[*trace], "asked for");
  if (traces.domains[*trace] != 0) values.identifier("domain", traces.domains[*trace]);
  const std::uint32_t traceback = traces.tracebacks[*trace];
  const std::size_t kept = traces.frames_of(traceback).size();
  if (const std::uint32_t total = traces.total_frames[traceback]; total != 0) {
    values.count("frames", kept, "frames kept");
    values.count("stack_depth", total, "of a stack of");
  }
  report.add("trace", "", std::move(values));
  report.add("frames", "ALLOCATED AT (innermost first)",
             frames_table(traces, traceback, context.format == Format::text));
  report.next = {{"show " + hex_text(report.result_address), "what it is"}};
  const python::TraceFrame& frame = traces.frames_of(traceback).front();
  const std::string& file = traces.files[frame.file];
  if (file.find_first_of(" ,'\"[*?") == std::string::npos) {
    report.next.push_back(
        {fmt::format("tracemalloc --by traceback --filter {}:{}", file, frame.line),
         "all that came from there"});
  }
  return report;
}

}  // namespace

Command origin_command() {
  return {
      .name = "origin",
      .aliases = {},
      .summary = "where an object or buffer was allocated, if tracemalloc was on",
      .description =
          "The traceback that tracemalloc kept of the block around ADDR, innermost frame first:\n"
          "tracemalloc.get_object_traceback() of an object, and the same of a buffer. Needs\n"
          "PYTHONTRACEMALLOC, see `help tracemalloc`. ADDR may be a row number of the last list\n"
          "(#3 or 3).",
      .usage = "ADDR",
      .min_words = 1,
      .max_words = 1,
      .columns = columns(),
      .completer = Completer::address,
      .group = Group::alive,
      .run = run};
}

}  // namespace coreheap::commands
