// Running a plan: rows out, and what is to be said about them.
//
// The census's rows are scanned in pieces on every core; what survives the filters is kept as row
// numbers, and the values of shown columns are worked out only when they are asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "querylang/heap.h"
#include "querylang/plan.h"

namespace coreheap::query {

struct ResultColumn {
  std::string name;
  Type type = Type::any;
};

struct Footer {
  std::uint64_t matched = 0;           // rows before the query's own limit
  std::optional<std::uint64_t> bytes;  // of the blocks that matched, or that are in the groups
  std::uint64_t heap_bytes = 0;        // of all allocators
  double seconds = 0;
  bool cut = false;                // by a limit or a sample of the query
  std::vector<std::string> notes;  // what was sampled, ambiguous, missing, cut
};

class QueryResult {
 public:
  QueryResult() = default;
  QueryResult(const QueryResult&) = delete;
  QueryResult& operator=(const QueryResult&) = delete;
  virtual ~QueryResult() = default;

  virtual const std::vector<ResultColumn>& columns() const = 0;
  virtual std::uint64_t size() const = 0;
  // out[i]: row rows[i] of a column. Texts live in `texts`, the image, or this. One thread at a
  // time.
  virtual void fill(std::size_t column, std::span<const std::uint64_t> rows, std::span<Value> out,
                    TextStore& texts) const = 0;
  virtual const Footer& footer() const = 0;
  // Of `explain`, in place of rows; else empty.
  virtual const std::string& explanation() const = 0;
};

// `variables` is what the session has saved: read, and added to by `as`. The heap outlives the
// result.
Result<std::shared_ptr<const QueryResult>> run(QueryPlan plan, const Heap& heap,
                                               Variables& variables, JobControl& job);

}  // namespace coreheap::query
