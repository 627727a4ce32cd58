// What a plan needs of one heap before rows are looked at: types that its names stand for, columns
// that are worked out once.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "heapparse/base/error.h"
#include "querylang/plan.h"

namespace coreheap::query {

struct Preparation {
  bool needs_buffers = false;
  bool needs_collector = false;
  bool needs_graph = false;
  bool needs_dominators = false;
  bool needs_counts = false;
  bool needs_holders = false;
  std::vector<std::string> notes;
};

// Calls visit for every expression of the pipeline, but for those of pipelines inside it.
void for_each_expression(PipelinePlan& plan, const std::function<void(Typed&)>& visit);

// Fills in the type tests of the expression and says what else it needs.
void prepare(Typed& e, const Heap& heap, Preparation& preparation);

Result<void> derive(const Preparation& preparation, const Heap& heap, Derived& derived,
                    JobControl& job);

}  // namespace coreheap::query
