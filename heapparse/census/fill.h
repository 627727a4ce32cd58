// Filling the rows of each piece of the plan: allocator state and, block by block, objects.
#pragma once

#include "heapparse/census/build.h"
#include "heapparse/census/labels.h"
#include "heapparse/census/old_style_classes.h"
#include "heapparse/census/plan.h"
#include "heapparse/census/rows_builder.h"

namespace coreheap::census {

// Findings are appended; rows whose object is doubtful are collected for the claims to decide.
Result<void> fill_rows(const Sources& sources, const Plan& plan, RowsBuilder& rows,
                       LabelTable& labels, OldStyleClasses& classes, std::vector<RowId>& doubtful,
                       JobControl& job);

}  // namespace coreheap::census
