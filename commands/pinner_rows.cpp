// Pinners by name: type or kind, and whose they are.
#include "commands/pinner_rows.h"

#include <fmt/format.h>

#include <string>

#include "heapparse/python/value.h"

namespace coreheap::commands {

namespace {

using census::RowId;
using census::TypeId;

constexpr std::uint64_t kValueChars = 60;

// "dict", "dict keys: attributes of Node", "uncategorized".
std::string what_of(const census::Census& census, RowId row) {
  std::string text(census.kind_of(row));
  const std::string_view detail = census.detail_of(row);
  // What text a block of text begins with is a value, and not its name.
  const bool is_text = census.domain_of(row) == "C";
  if (!detail.empty() && !is_text) text += fmt::format(": {}", detail);
  return text;
}

Cell type_name(const census::Census& census, TypeId type) {
  return type == TypeId::none ? Cell::absent()
                              : Cell::of_text(census.types[census::index_of(type)].name);
}

Cell allocator_of(const census::Census& census, RowId row) {
  return Cell::of_text(census::name_of(census.rows.allocator(row)));
}

}  // namespace

std::vector<Column> pinner_columns() {
  return {
      {"what", "", ColumnType::text, "type of the objects, or kind of the blocks"},
      {"owner", "", ColumnType::text, "type of the objects that own these buffers"},
      {"allocator", "", ColumnType::text, "whose memory they are in"},
      {"count", "", ColumnType::integer, "how many there are"},
      {"size", "", ColumnType::bytes, "bytes they take themselves"},
      {"holds_back", "holds back", ColumnType::bytes, "free bytes that stay because of them"},
      {"example", "", ColumnType::address, "the one that holds most", false},
  };
}

Table pinner_table(const census::Census& census, const usage::Pinned& pinned) {
  Table table;
  table.columns = pinner_columns();
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  std::uint64_t count = 0;
  std::uint64_t size = 0;
  std::uint64_t holds = 0;
  for (const usage::PinnerGroup& group : pinned.groups) {
    const std::string what = what_of(census, group.example);
    rows->add({Cell::of_text(what), type_name(census, group.owner),
               allocator_of(census, group.example), Cell::of_count(group.count),
               Cell::of_count(group.size), Cell::of_count(group.holds),
               Cell::of_address(census.rows.address(group.example))});
    count += group.count;
    size += group.size;
    holds += group.holds;
  }
  table.rows = rows;
  table.totals = {{"count", Cell::of_count(count)},
                  {"size", Cell::of_count(size)},
                  {"holds_back", Cell::of_count(holds)}};
  return table;
}

Table single_pinner_table(const census::Census& census, const usage::Pinned& pinned,
                          python::Decoder* decoder) {
  Table table;
  table.columns = {{"address", "", ColumnType::address, ""},
                   {"what", "", ColumnType::text, ""},
                   {"owner", "", ColumnType::text, ""},
                   {"size", "", ColumnType::bytes, ""},
                   {"holds_back", "holds back", ColumnType::bytes, ""},
                   {"value", "", ColumnType::text, "", decoder != nullptr},
                   {"owner_address", "", ColumnType::address, "", false}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (const usage::Pinner& pinner : pinned.largest) {
    const RowId row = pinner.row;
    const RowId owner = census.rows.owner(row);
    const std::string what = what_of(census, row);
    std::string value;
    if (decoder != nullptr) {
      // A buffer's value is its owner's.
      const RowId object = census.rows.holds_object(row) ? row : owner;
      if (object != RowId::none && census.rows.state(object) == census::State::used) {
        value = python::value_text(*decoder, census.rows.object(object),
                                   {.max_chars = kValueChars, .max_items = 8, .max_depth = 2});
      }
    }
    rows->add(
        {Cell::of_address(census.rows.holds_object(row) ? census.rows.object(row)
                                                        : census.rows.address(row)),
         Cell::of_text(what),
         owner == RowId::none ? Cell::absent() : type_name(census, census.rows.type(owner)),
         Cell::of_count(census.rows.size(row)), Cell::of_count(pinner.holds),
         value.empty() ? Cell::absent() : Cell::of_text(value),
         owner == RowId::none ? Cell::absent() : Cell::of_address(census.rows.object(owner))});
  }
  table.rows = rows;
  return table;
}

Table unpinned_table(const usage::Pinned& pinned) {
  Table table;
  table.columns = {{"why", "", ColumnType::text, ""},
                   {"bytes", "", ColumnType::bytes, ""},
                   {"meaning", "", ColumnType::text, ""}};
  auto rows = std::make_shared<FixedRows>(table.columns.size());
  for (std::size_t i = 0; i < usage::kUnpinned; ++i) {
    const auto why = static_cast<usage::Unpinned>(i);
    rows->add({Cell::of_text(usage::name_of(why)), Cell::of_count(pinned.without[i]),
               Cell::of_text(usage::meaning_of(why))});
  }
  table.rows = rows;
  return table;
}

}  // namespace coreheap::commands
