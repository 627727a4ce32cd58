// Rows and ranges of the census as row sources: what `export` writes and the block commands list.
// Cells are looked up when a batch asks for them.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "commands/table.h"
#include "heapparse/census/census.h"
#include "heapparse/image/image.h"
#include "heapparse/python/runtime.h"
#include "heapparse/python/type_table.h"

namespace coreheap::commands {

// address, size, state, allocator, domain, kind, detail, object, type, shallow, refcount, owner,
// notes, and value, which is not shown unless asked for
std::vector<Column> row_columns();
// begin, end, size, kind, cause, mapping
std::vector<Column> range_columns();

// Characters of a value in a row. Objects that share what they hold can have values far larger than
// all of memory.
inline constexpr std::uint64_t kMaxValue = 1'000'000;

// `selection`: the rows to show, in order; absent: all. `runtime` and `types` may be null. What is
// referred to outlives the source. `max_value`: characters at which a value is cut.
std::shared_ptr<const RowSource> census_rows(const census::Census& census,
                                             const image::Image& image,
                                             const python::Runtime* runtime,
                                             const python::TypeTable* types,
                                             std::optional<std::vector<std::uint32_t>> selection,
                                             std::uint64_t max_value = kMaxValue);
std::shared_ptr<const RowSource> census_ranges(const census::Census& census,
                                               const image::Image& image);

}  // namespace coreheap::commands
