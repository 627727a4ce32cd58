// Attributes of rows that the object graph knows.
#pragma once

#include "querylang/registry.h"
#include "querylang/worker.h"

namespace coreheap::query {

// The node of a row; nullopt for buffers (their owner's node is not theirs), for what is free.
std::optional<graph::NodeId> node_of(const Derived& derived, census::RowId row);

Value row_reachable(Worker& worker, census::RowId row);
Value row_depth(Worker& worker, census::RowId row);
Value row_in_refs(Worker& worker, census::RowId row);
Value row_out_refs(Worker& worker, census::RowId row);
Value row_unexplained(Worker& worker, census::RowId row);
Value row_garbage(Worker& worker, census::RowId row);
Value row_root(Worker& worker, census::RowId row);
Value row_label(Worker& worker, census::RowId row);
Value row_retained(Worker& worker, census::RowId row);
Value row_thread(Worker& worker, census::RowId row);
Value row_retained_count(Worker& worker, census::RowId row);
Value row_holder(Worker& worker, census::RowId row);
Value row_idom(Worker& worker, census::RowId row);

}  // namespace coreheap::query
