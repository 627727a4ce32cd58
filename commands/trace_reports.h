// What the commands over tracemalloc's traces share: getting them or saying why not, and how a
// frame is written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "commands/registry.h"
#include "heapparse/census/census.h"
#include "heapparse/python/tracemalloc.h"

namespace coreheap::commands {

// Traces of a target that is tracing; else the error that says how to get them.
Result<const python::Tracemalloc*> traces_of(Context& context, Target& target);

// "file:line"
std::string frame_text(const python::Tracemalloc& traces, const python::TraceFrame& frame);
// Frames of a traceback, innermost first, ';' between them.
std::string folded_text(const python::Tracemalloc& traces, std::uint32_t traceback);
// The last `width` columns; a cut one begins with "...": the end of a path says most.
std::string tail_fitted(const std::string& text, std::size_t width);

// The trace of the block of a row.
std::optional<std::size_t> trace_of_row(const python::Tracemalloc& traces, const census::Rows& rows,
                                        census::RowId row);

}  // namespace coreheap::commands
