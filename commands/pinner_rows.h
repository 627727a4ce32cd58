// Tables of what holds free memory back.
#pragma once

#include "commands/table.h"
#include "heapparse/census/census.h"
#include "heapparse/python/decoder.h"
#include "heapparse/usage/pinners.h"

namespace coreheap::commands {

std::vector<Column> pinner_columns();
// Alike ones in a line, most held bytes first.
Table pinner_table(const census::Census& census, const usage::Pinned& pinned);
// Single blocks. `decoder`: shows their values, else null.
Table single_pinner_table(const census::Census& census, const usage::Pinned& pinned,
                          python::Decoder* decoder);
// What stays although no block in use holds it.
Table unpinned_table(const usage::Pinned& pinned);

}  // namespace coreheap::commands
