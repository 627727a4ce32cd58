// Every object that has words for the collector, as a row source: what `gc --objects` lists.
#pragma once

#include <memory>
#include <vector>

#include "commands/table.h"
#include "heapparse/census/census.h"
#include "heapparse/image/image.h"
#include "heapparse/python/gc_state.h"

namespace coreheap::commands {

// object, type, tracked, interpreter, generation, finalized
std::vector<Column> gc_object_columns();

// What is referred to outlives the source.
std::shared_ptr<const RowSource> gc_object_rows(const census::Census& census,
                                                const image::Image& image,
                                                const python::Runtime& runtime,
                                                const python::TypeTable& types,
                                                std::shared_ptr<const python::GcStates> states,
                                                std::shared_ptr<const python::GcMembers> members);

// "0", "1", "2", "permanent".
std::string_view generation_name(std::size_t generation);

}  // namespace coreheap::commands
