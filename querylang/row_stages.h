// Stages that make other rows of rows without the object graph: groups, an order, a sample.
//
// Invariant: the answer does not depend on how many threads there are or which of them is first.
#pragma once

#include <cstdint>
#include <vector>

#include "heapparse/base/error.h"
#include "querylang/execution.h"
#include "querylang/relation.h"

namespace coreheap::query {

// The relation's rows are those of a table of groups afterwards.
Result<void> group(Execution& execution, Relation& relation, const GroupPlan& plan);

// Of the order only the first `wanted` rows are asked for; rows that are equal stay as they were.
Result<void> sort(Execution& execution, Relation& relation, const std::vector<SortKey>& keys,
                  std::uint64_t wanted);

// At most `wanted` rows, in their order; the same ones each time.
Result<void> sample(Execution& execution, Relation& relation, std::uint64_t wanted);

}  // namespace coreheap::query
