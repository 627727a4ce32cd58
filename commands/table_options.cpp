// --format, --limit, --sort, --columns, --output.
#include "commands/table_options.h"

#include "commands/words.h"

namespace coreheap::commands {

namespace {

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    if (comma != 0) parts.emplace_back(text.substr(0, comma));
    text.remove_prefix(comma == std::string_view::npos ? text.size() : comma + 1);
  }
  return parts;
}

std::unexpected<Error> no_such_column(const std::vector<Column>& columns, const std::string& name) {
  std::vector<std::string_view> known;
  std::string list;
  for (const Column& column : columns) {
    known.push_back(column.name);
    if (!list.empty()) list += ", ";
    list += column.name;
  }
  std::string hint = suggestion(name, known);
  return fail(ErrorCode::usage, name, "no such column",
              hint.empty() ? "one of " + list : std::move(hint));
}

}  // namespace

Result<TableRequest> table_request(const Command& command, const Arguments& arguments) {
  TableRequest request;
  request.format = command.default_format;
  if (const auto v = arguments.value("format")) {
    const auto format = format_from(*v);
    if (!format) {
      return fail(ErrorCode::usage, "--format", "no format '" + std::string(*v) + "'",
                  "text, json, jsonl or csv");
    }
    request.format = *format;
  }
  if (const auto v = arguments.value("limit")) {
    if (*v == "all") {
      request.limit = UINT64_MAX;
    } else {
      const auto limit = parse_number(*v, "--limit");
      if (!limit) return std::unexpected(limit.error());
      request.limit = *limit;
    }
  }
  if (const auto v = arguments.value("sort")) {
    const std::size_t colon = v->find(':');
    request.sort_column = v->substr(0, colon);
    if (colon != std::string_view::npos) {
      const std::string_view way = v->substr(colon + 1);
      if (way != "asc" && way != "desc") {
        return fail(ErrorCode::usage, "--sort", "no order '" + std::string(way) + "'",
                    request.sort_column + ":asc or " + request.sort_column + ":desc");
      }
      request.descending = way == "desc";
    }
  }
  if (const auto v = arguments.value("columns")) request.columns = split_list(*v);
  if (const auto v = arguments.value("output")) request.output = *v;
  return request;
}

Result<void> apply(const TableRequest& request, Report& report) {
  if (Table* table = report.main_table()) {
    for (const std::string& name : request.columns) {
      const int index = table->column_index(name);
      if (index < 0) return no_such_column(table->columns, name);
      table->shown.push_back(static_cast<unsigned>(index));
    }
    if (!request.sort_column.empty()) {
      const int index = table->column_index(request.sort_column);
      if (index < 0) return no_such_column(table->columns, request.sort_column);
      const auto column = static_cast<unsigned>(index);
      const ColumnType type = table->columns[column].type;
      // Big figures first; words and addresses from the beginning.
      const bool descending =
          request.descending.value_or(type != ColumnType::text && type != ColumnType::identifier &&
                                      type != ColumnType::address);
      table->order = sorted_rows(*table, column, descending);
    }
    // A picture made for the default order and columns is no longer right.
    if (!request.columns.empty() || !request.sort_column.empty()) {
      for (Section& section : report.sections) {
        if (std::get_if<Table>(&section.body) == table) section.screen.reset();
      }
    }
  }
  for (Section& section : report.sections) {
    if (auto* table = std::get_if<Table>(&section.body)) {
      if (request.limit) {
        table->limit = *request.limit;
      } else if (request.format == Format::text && table->limit == UINT64_MAX &&
                 table->cut_as_text) {
        table->limit = kTextLimit;
      }
    }
  }
  return {};
}

}  // namespace coreheap::commands
