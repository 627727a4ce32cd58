// Rows on their way through a pipeline: numbers of rows of the census or of a table.
#pragma once

#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "querylang/plan.h"
#include "querylang/tables.h"

namespace coreheap::query {

struct Relation {
  SourceId source = SourceId::blocks;
  std::shared_ptr<const TableData> table;  // null: rows of the census
  // All rows of the source, which no list holds yet; else those in `rows`.
  bool pending = true;
  std::vector<std::uint32_t> rows;
  std::vector<const Typed*> conditions;  // not applied yet
  std::optional<std::uint64_t> matched;  // how many there were before a limit
  std::optional<std::uint64_t> bytes;    // of the rows that are in the groups

  bool is_census() const { return table == nullptr; }
  std::size_t count(const Heap& heap) const {
    return pending ? heap.census.rows.size() : rows.size();
  }
};

// All rows of a table.
inline Relation relation_of(std::shared_ptr<const TableData> table) {
  Relation relation;
  relation.table = std::move(table);
  relation.pending = false;
  relation.rows.resize(relation.table->rows);
  std::iota(relation.rows.begin(), relation.rows.end(), 0U);
  return relation;
}

}  // namespace coreheap::query
