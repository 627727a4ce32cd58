// Tying raw blocks to the objects that own them.
//
// An owner's pointer outweighs a block's looks: a block that a sound object claims as its buffer is
// a buffer, even when its words resemble an object (a table of types begins like one).
#pragma once

#include <vector>

#include "heapparse/census/build.h"
#include "heapparse/census/labels.h"
#include "heapparse/census/row_index.h"
#include "heapparse/census/rows_builder.h"

namespace coreheap::census {

Result<void> claim_buffers(const Sources& sources, const RowIndex& index, RowsBuilder& rows,
                           const std::vector<RowId>& doubtful, JobControl& job);

// Dead objects on lists that link through words of the objects themselves.
void mark_free_lists(const Sources& sources, const RowIndex& index, RowsBuilder& rows,
                     LabelTable& labels);

}  // namespace coreheap::census
