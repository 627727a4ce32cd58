// Rows of the census with one column more: where each block was allocated.
#pragma once

#include <memory>

#include "commands/table.h"
#include "heapparse/census/census.h"
#include "heapparse/python/tracemalloc.h"

namespace coreheap::commands {

Column site_column();

// `rows`: all rows of the census, `columns` columns of them; the site is the column behind.
std::shared_ptr<const RowSource> with_sites(std::shared_ptr<const RowSource> rows, unsigned columns,
                                            const census::Census& census,
                                            const python::Tracemalloc& traces);

}  // namespace coreheap::commands
