// Stages that make tables of rows by the object graph: ways from the roots, cycles among the rows.
// And the references between all objects, as a source.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "querylang/tables.h"
#include "querylang/worker.h"

namespace coreheap::query {

enum class GraphTable : std::uint8_t { ways, ways_by_type, cycles };

std::span<const TableColumn> table_columns(GraphTable table);

struct WaysWanted {
  bool by_type = false;
  // Ways, of one row by as many holders; merged ones, the most frequent first.
  std::uint64_t limit = 20;
  std::optional<Address> to;  // ways end there instead of beginning at a root
  RowSet excluded;            // no way touches these
};

// `rows` sorted. A row without a way (all that lead to it are excluded) is left out and counted in
// `notes`.
Result<std::shared_ptr<TableData>> ways(const RowSet& rows, const WaysWanted& wanted,
                                        Worker& worker, std::vector<std::string>& notes,
                                        JobControl& job);

// Strongly connected parts of what the rows refer to among themselves, the largest first.
Result<std::shared_ptr<TableData>> cycles(const RowSet& rows, Worker& worker, JobControl& job);

// from refs: a row a reference. An error where there are more than kMostReferences.
inline constexpr std::uint64_t kMostReferences = std::uint64_t{4} << 20;
Result<void> add_references(TableData& table, const Heap& heap, const Derived& derived,
                            JobControl& job);

}  // namespace coreheap::query
