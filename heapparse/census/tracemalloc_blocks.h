// The memory that tracemalloc itself takes: what profilers of Python cannot see, and what is taken
// for a leak when it is left on.
#pragma once

#include "heapparse/census/build.h"
#include "heapparse/census/row_index.h"
#include "heapparse/census/rows_builder.h"

namespace coreheap::census {

void label_tracemalloc_blocks(const Sources& sources, const RowIndex& index, RowsBuilder& rows,
                              JobControl& job);

}  // namespace coreheap::census
