// The blocks of _lsprof.Profiler: a binary tree of entries, each with a tree of what it called, and
// two chains of contexts.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_set>
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

// Calls visit(ProfilerNode) for each block, once. Trees of damaged memory may lead in circles and
// share branches: a block that comes round again is passed over, so that no more blocks are looked
// at than there are.
template <class Visit>
void for_each_profiler_node(ObjectReader& reader, Address profiler, Visit&& visit) {
  const auto& f = reader.layout().profiler;
  const auto& entry = reader.layout().profiler_entry;
  std::uint64_t count = 0;
  std::unordered_set<std::uint64_t> seen;
  std::vector<std::pair<Address, bool>> waiting;  // root of a tree; of entries, not of calls
  const auto wait = [&](const std::optional<Address>& root, bool entries) {
    if (root && reader.memory().bytes(*root, 8).size() == 8 && seen.insert(root->value).second) {
      waiting.emplace_back(*root, entries);
    }
  };
  wait(reader.pointer(profiler, f.entries), true);
  while (!waiting.empty()) {
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
    while (context && !guard.repeats(*context)) {
      visit(ProfilerNode{*context, {}, count++});
      context = reader.pointer(*context, reader.layout().profiler_context.previous);
    }
  }
}

}  // namespace coreheap::python
