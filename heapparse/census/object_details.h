// What can be said of an object beyond its type: whose attributes a dict holds, which str are
// interned.
#pragma once

#include "heapparse/census/build.h"
#include "heapparse/census/labels.h"
#include "heapparse/census/row_index.h"
#include "heapparse/census/rows_builder.h"

namespace coreheap::census {

Result<void> label_object_details(const Sources& sources, const RowIndex& index, RowsBuilder& rows,
                                  LabelTable& labels, JobControl& job);

}  // namespace coreheap::census
