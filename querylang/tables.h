// Sources that are tables of their own: their columns, and how they are filled.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "querylang/heap.h"
#include "querylang/registry.h"
#include "querylang/value.h"

namespace coreheap::query {

struct TableColumn {
  std::string_view name;
  Type type = Type::text;
  std::string_view meaning;
  // Worked out from the object graph, so only where a query names it.
  bool of_graph = false;
};

// Rows held in memory, column by column.
struct TableData {
  std::vector<std::vector<Value>> columns;
  std::uint64_t rows = 0;
  TextStore texts;

  explicit TableData(std::size_t column_count) : columns(column_count) {}
  void add(std::initializer_list<Value> cells);
};

std::span<const TableColumn> table_columns(SourceId source);
Result<std::shared_ptr<TableData>> table_data(SourceId source, const Heap& heap,
                                              const Derived& derived, JobControl& job);

}  // namespace coreheap::query
