// Malloc chunks that begin with what an earlier owner left: an object's head, but no object.
//
// Freed memory is handed out again to anybody, and a struct whose new owner never writes to a field
// keeps what stood there: a pointer to a type, with a number or text before it that passes for a
// refcount. Such a block looks like a live object and is none. Invariant: an object in a chunk that
// nobody vouches for (its collector does not list it, or its refcount could be an address) refers
// to objects, but for fewer than half. What somebody vouches for stays an object, and `verify`
// reports its references.
#pragma once

#include <vector>

#include "heapparse/census/build.h"
#include "heapparse/census/rows_builder.h"

namespace coreheap::census {

// `doubtful`: rows whose refcount could be an address, sorted. Rows that turn out to hold no object
// become uncategorized blocks in use. Fails when cancelled.
Result<void> settle_stale_heads(const Sources& sources, RowsBuilder& rows,
                                const std::vector<RowId>& doubtful, JobControl& job);

}  // namespace coreheap::census
