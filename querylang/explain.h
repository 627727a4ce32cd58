// How a query would run, in lines.
#pragma once

#include <string>

#include "querylang/relation.h"
#include "querylang/worker.h"

namespace coreheap::query {

// The conditions in the order in which they would be applied, each with what it touches and about
// how many rows pass it, measured on a sample of the rows.
std::string explained(const PipelinePlan& plan, const Relation& source, Worker& worker);

}  // namespace coreheap::query
