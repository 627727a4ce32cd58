// Stages that walk the object graph: from rows to rows.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "querylang/plan.h"

namespace coreheap::query {

// Keeps, of rows that a step reached, those that it goes on from.
using RowFilter = std::function<Result<RowSet>(RowSet)>;

// `rows` sorted; what comes back is sorted too. referents, referrers, closure and dominators are
// objects and native blocks; retained and dominated come with the buffers that would go too, so
// that their sizes add up to the bytes freed.
Result<RowSet> walk(Walk walk, const RowSet& rows, std::uint64_t steps, const RowFilter& filter,
                    const Heap& heap, const Derived& derived, JobControl& job);

// The nodes of rows; rows without one are left out.
std::vector<graph::NodeId> nodes_of(const RowSet& rows, const Derived& derived);

// Bytes that would be freed if all of the rows went: the exact union.
Result<std::uint64_t> retained_bytes(const RowSet& rows, const Derived& derived, JobControl& job);

}  // namespace coreheap::query
