// From an instruction of a code object to its line, in each form that CPython has kept this in.
//
// Pure functions of the table's bytes, so that damaged ones are just other bytes: every form is
// walked forward once and ends with the table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "cpython_layouts/traits.h"

namespace coreheap::python {

// The line of the instruction at `offset` (bytes from the first one; negative: none has run yet,
// which counts as the first line). nullopt: the compiler gave it none.
std::optional<std::int64_t> line_at(layouts::LineTableForm form, std::span<const std::byte> table,
                                    std::int64_t first_line, std::int64_t offset);

}  // namespace coreheap::python
