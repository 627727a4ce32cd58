// Dead objects without pymalloc: free list, or a native block that begins with what an object left?
//
// Where objects are malloc chunks, freed memory is handed out again to anybody, and a block whose
// new owner has not written to its beginning still shows an object with refcount 0. An object that
// CPython keeps for reuse is held by its list: by a word of the runtime's data or state, or by the
// one before it. What no list holds is a block in use, of which nothing is known.
#pragma once

#include "heapparse/census/build.h"
#include "heapparse/census/labels.h"
#include "heapparse/census/rows_builder.h"

namespace coreheap::census {

void settle_dead_heads(const Sources& sources, RowsBuilder& rows, const LabelTable& labels);

}  // namespace coreheap::census
