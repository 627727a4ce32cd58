// Blocks that are no Python object and nobody's buffer: allocator internals, C++ objects, strings.
#pragma once

#include "heapparse/census/build.h"
#include "heapparse/census/labels.h"
#include "heapparse/census/row_index.h"
#include "heapparse/census/rows_builder.h"

namespace coreheap::census {

Result<void> label_native_blocks(const Sources& sources, const RowIndex& index, RowsBuilder& rows,
                                 LabelTable& labels, JobControl& job);

}  // namespace coreheap::census
