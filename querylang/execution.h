// What the stages of one running query share, those of its subqueries too.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "heapparse/base/parallel.h"
#include "querylang/plan.h"
#include "querylang/worker.h"

namespace coreheap::query {

struct Execution {
  const Heap& heap;
  JobControl& job;
  std::shared_ptr<Derived> derived = std::make_shared<Derived>();
  std::vector<std::unique_ptr<Worker>> workers = {};
  std::vector<std::string> notes = {};               // for the footer
  std::map<const Typed*, std::uint64_t> nones = {};  // rows that an expression had no value for

  // Of a thread; before threads begin, those of all of them are made.
  Worker& worker(unsigned index) {
    while (workers.size() <= index) workers.push_back(std::make_unique<Worker>(heap, *derived));
    return *workers[index];
  }
};

}  // namespace coreheap::query
