// Grouping rows by their label costs an addition a row: each label, and each type, has a slot of
// its own.
#include "commands/block_groups.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "commands/census_rows.h"
#include "commands/screens.h"

namespace coreheap::commands {

namespace {

struct Sum {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};
constexpr std::size_t kStates = 3;
using Sums = std::array<Sum, kStates>;

// Labels of objects without a detail are counted by type, others by label, objects with a detail by
// both.
class Groups {
 public:
  explicit Groups(const census::Census& census)
      : census_(census), by_label_(census.labels.size()), by_type_(census.types.size()) {}

  void add(census::RowId id) {
    Sum& sum = slot(id)[static_cast<std::size_t>(census_.rows.state(id))];
    ++sum.count;
    sum.bytes += census_.rows.size(id);
  }

  // Types of one name (a class made twice) are one line.
  using Key = std::tuple<std::string_view, std::string_view, std::string_view, std::size_t>;
  std::map<Key, Sum> merged(bool with_state) const {
    std::map<Key, Sum> merged;
    const auto take = [&](std::string_view domain, std::string_view kind, std::string_view detail,
                          const Sums& sums) {
      for (std::size_t s = 0; s < kStates; ++s) {
        if (sums[s].count == 0) continue;
        Sum& to = merged[{domain, kind, detail, with_state ? s : 0}];
        to.count += sums[s].count;
        to.bytes += sums[s].bytes;
      }
    };
    for (std::size_t i = 0; i < by_label_.size(); ++i) {
      const census::Label& label = census_.labels[i];
      const census::KindInfo& info = census::info_of(label.kind);
      take(info.domain, info.kind, label.detail, by_label_[i]);
    }
    const std::string_view python = census::info_of(census::Kind::python_object).domain;
    for (std::size_t i = 0; i < by_type_.size(); ++i) {
      take(python, census_.types[i].name, "", by_type_[i]);
    }
    for (const auto& [key, sums] : by_both_) {
      take(python, census_.types[key.first].name, census_.labels[key.second].detail, sums);
    }
    return merged;
  }

 private:
  Sums& slot(census::RowId id) {
    const std::uint32_t label = census::index_of(census_.rows.label(id));
    const census::TypeId type = census_.rows.type(id);
    if (type == census::TypeId::none || census_.labels[label].kind != census::Kind::python_object) {
      return by_label_[label];
    }
    if (census_.labels[label].detail.empty()) return by_type_[census::index_of(type)];
    return by_both_[{census::index_of(type), label}];
  }

  const census::Census& census_;
  std::vector<Sums> by_label_;
  std::vector<Sums> by_type_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, Sums> by_both_;
};

bool chosen(const census::Census& census, census::RowId id, BlockChoice choice) {
  if (census.rows.allocator(id) == census::Allocator::static_object) return false;
  return census.rows.state(id) == census::State::used ? choice.used : choice.free;
}

Table group_table(const census::Census& census, BlockChoice choice) {
  Groups groups(census);
  for (std::uint32_t i = 0; i < census.rows.size(); ++i) {
    if (chosen(census, census::RowId{i}, choice)) groups.add(census::RowId{i});
  }
  const auto merged = groups.merged(choice.with_state);
  std::vector<std::pair<Groups::Key, Sum>> lines(merged.begin(), merged.end());
  std::stable_sort(lines.begin(), lines.end(),
                   [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });

  Table table;
  table.columns = block_group_columns(choice.with_state);
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  Sum total;
  for (const auto& [key, sum] : lines) {
    const auto& [domain, kind, detail, state] = key;
    std::vector<Cell> cells = {Cell::of_text(domain), kind.empty() ? Cell() : Cell::of_text(kind),
                               detail.empty() ? Cell() : Cell::of_text(detail)};
    if (choice.with_state) {
      cells.push_back(Cell::of_text(census::name_of(static_cast<census::State>(state))));
    }
    cells.push_back(Cell::of_count(sum.count));
    cells.push_back(Cell::of_count(sum.bytes));
    rows->add(cells);
    total.count += sum.count;
    total.bytes += sum.bytes;
  }
  table.rows = rows;
  table.totals = {{"count", Cell::of_count(total.count)}, {"size", Cell::of_count(total.bytes)}};
  return table;
}

Result<Table> row_table(Target& target, const census::Census& census, BlockChoice choice,
                        JobControl& job) {
  const auto runtime = target.runtime(job);
  if (!runtime) return std::unexpected(runtime.error());
  const auto types = target.types(job);
  if (!types) return std::unexpected(types.error());
  std::vector<std::uint32_t> selection;
  Sum total;
  for (std::uint32_t i = 0; i < census.rows.size(); ++i) {
    const census::RowId id{i};
    if (!chosen(census, id, choice)) continue;
    selection.push_back(i);
    total.bytes += census.rows.size(id);
  }
  Table table;
  table.columns = row_columns();
  table.rows = census_rows(census, target.image(), *runtime, *types, std::move(selection));
  table.totals = {{"size", Cell::of_count(total.bytes)}};
  return table;
}

}  // namespace

std::vector<Column> block_group_columns(bool with_state) {
  std::vector<Column> columns = {
      {"domain", "", ColumnType::text, "whose it is: python, cpython, C, cpp, free ..."},
      {"kind", "", ColumnType::text, "what it is; of objects their type"},
      {"detail", "", ColumnType::text, "more about it, where there is more"}};
  if (with_state) columns.push_back({"state", "", ColumnType::text, "used, free or cached"});
  columns.push_back({"count", "", ColumnType::integer, "blocks"});
  columns.push_back({"size", "", ColumnType::bytes, "their bytes, rounding and headers included"});
  return columns;
}

std::vector<OptionSpec> block_options() {
  return {{"rows", 0, "", "the blocks themselves, one a line, by address"}};
}

Result<Report> blocks_report(Context& context, BlockChoice choice) {
  auto target = context.session.target(context.job);
  if (!target) return std::unexpected(target.error());
  const auto census = (*target)->census(context.job);
  if (!census) return std::unexpected(census.error());

  Report report = report_on(**target, **census);
  if (context.arguments.has("rows")) {
    auto table = row_table(**target, **census, choice, context.job);
    if (!table) return std::unexpected(table.error());
    report.add("blocks", "", std::move(*table));
    report.next = {{"show ADDR", "what is at an address"}, {"export", "every block as CSV"}};
  } else {
    report.add("groups", "", group_table(**census, choice));
    report.next = {{choice.used ? "used --rows --limit 50" : "free --rows --limit 50",
                    "the blocks themselves"},
                   {"types", "live objects by type, with the buffers they own"}};
  }
  return report;
}

}  // namespace coreheap::commands
