// Rows through conditions, in pieces on every core.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "heapparse/base/error.h"
#include "querylang/evaluate.h"
#include "querylang/execution.h"
#include "querylang/relation.h"

namespace coreheap::query {

// Rows that one thread takes at a time.
inline constexpr std::size_t kPiece = std::size_t{1} << 17;

std::size_t pieces_of(const Execution& execution, const Relation& relation);

// Called on the thread of `worker` with rows that passed. A piece's rows come in their order.
using ScanSink = std::function<void(std::size_t piece, unsigned worker, Evaluator& evaluator,
                                    std::vector<std::uint32_t>& rows)>;

// Calls the sink for what passes the relation's conditions, batch by batch.
Result<void> scan(Execution& execution, const Relation& relation, const ScanSink& sink);

// Afterwards the relation's rows are a list that all of its conditions were applied to.
Result<void> settle(Execution& execution, Relation& relation);

}  // namespace coreheap::query
