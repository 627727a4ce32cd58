// The blocks of _lsprof.Profiler: a binary tree of entries, each with a tree of what it called, and
// two chains of contexts.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "heapparse/python/chain_guard.h"
#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct ProfilerNode {
  Address block;
  Address object;  // whom an entry counts; 0 for what is no entry
  std::uint64_t index = 0;
};

// Calls visit(ProfilerNode) for each block. Trees of damaged memory may lead in circles: the number
// of nodes is bounded.
template <class Visit>
void for_each_profiler_node(ObjectReader& reader, Address profiler, Visit&& visit) {
  constexpr std::uint64_t kMostNodes = 1 << 20;
  const auto& f = reader.layout().profiler;
  const auto& entry = reader.layout().profiler_entry;
  std::uint64_t count = 0;
  std::vector<std::pair<Address, bool>> waiting;  // root of a tree; of entries, not of calls
  const auto wait = [&](const std::optional<Address>& root, bool entries) {
    if (root && waiting.size() < kMostNodes) waiting.emplace_back(*root, entries);
  };
  wait(reader.pointer(profiler, f.entries), true);
  while (!waiting.empty() && count < kMostNodes) {
    const auto [node, is_entry] = waiting.back();
    waiting.pop_back();
    const auto object = is_entry ? reader.pointer(node, entry.object) : std::optional<Address>();
    visit(ProfilerNode{node, object.value_or(Address{}), count++});
    if (is_entry) wait(reader.pointer(node, entry.calls), false);
    wait(reader.pointer(node, entry.left), is_entry);
    wait(reader.pointer(node, entry.right), is_entry);
  }
  for (const auto& field : {f.context, f.spare_contexts}) {
    auto context = reader.pointer(profiler, field);
    ChainGuard guard;
    while (context && count < kMostNodes && !guard.repeats(*context)) {
      visit(ProfilerNode{*context, {}, count++});
      context = reader.pointer(*context, reader.layout().profiler_context.previous);
    }
  }
}

}  // namespace coreheap::python
