// The edges of the object graph as a row source: what `export --references` writes, a row an edge,
// by holder. Nothing is kept but a running count a holder; edges are decoded when a batch asks for
// them.
#pragma once

#include <memory>
#include <vector>

#include "commands/table.h"
#include "commands/target.h"

namespace coreheap::commands {

// holder, target, name, kind, skipped, counted, guess
std::vector<Column> reference_columns();

// The target, its census and its types outlive the source.
Result<std::shared_ptr<const RowSource>> reference_rows(const image::Image& image,
                                                        const census::Census& census,
                                                        const python::Runtime& runtime,
                                                        const python::TypeTable& types,
                                                        JobControl& job);

}  // namespace coreheap::commands
