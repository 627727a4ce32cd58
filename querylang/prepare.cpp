// Names of types against the types of a heap; sums over owners; the collector's lists.
#include "querylang/prepare.h"

#include <fmt/format.h>

#include <algorithm>

#include "heapparse/python/types/instance.h"
#include "heapparse/python/types/members.h"
#include "heapparse/python/types/type_object.h"

namespace coreheap::query {

namespace {

bool is_named(const std::string& type, const std::string& name) {
  if (type == name) return true;
  // Without a dot a name stands for its last part too.
  return name.find('.') == std::string::npos && type.size() > name.size() && type.ends_with(name) &&
         type[type.size() - name.size() - 1] == '.';
}

// Classes of old-style instances stand behind the table's types; they have no __mro__ but bases.
void mark_bases(const Heap& heap, const std::vector<std::uint8_t>& named,
                std::vector<std::uint8_t>& matches) {
  python::ObjectReader reader(heap.image.space, *heap.runtime->layout);
  for (std::uint32_t t = 0; t < matches.size(); ++t) {
    if (matches[t] != 0) continue;
    if (t < heap.types->all().size()) {
      const auto order = python::resolution_order(reader, (*heap.types)[t].address);
      const auto classes = order ? python::tuple_members(reader, *order, 1 << 16) : std::nullopt;
      if (classes) {
        for (const Address one : classes->items) {
          const auto base = heap.types->find(one);
          if (base && named[*base] != 0) matches[t] = 1;
        }
        continue;
      }
      // Without its __mro__ in the image: along the first bases. No chain is longer than the table.
      std::optional<std::uint32_t> at = t;
      for (std::size_t i = 0; at && i < matches.size(); ++i) {
        if (named[*at] != 0) matches[t] = 1;
        at = heap.types->find((*heap.types)[*at].base);
      }
      continue;
    }
    std::vector<Address> open = {heap.census.types[t].address};
    for (std::size_t i = 0; i < open.size() && open.size() < 1024; ++i) {
      const auto bases = python::class_bases(reader, open[i]);
      const auto classes = bases ? python::tuple_members(reader, *bases, 1 << 10) : std::nullopt;
      if (!classes) continue;
      for (const Address one : classes->items) {
        for (std::size_t k = heap.types->all().size(); k < named.size(); ++k) {
          if (heap.census.types[k].address == one && named[k] != 0) matches[t] = 1;
        }
        if (std::find(open.begin(), open.end(), one) == open.end()) open.push_back(one);
      }
    }
  }
}

}  // namespace

void for_each_expression(PipelinePlan& plan, const std::function<void(Typed&)>& visit) {
  const std::function<void(Typed&)> walk = [&](Typed& e) {
    for (Typed& child : e.children) walk(child);
    visit(e);
  };
  for (StagePlan& stage : plan.stages) {
    for (Typed& condition : stage.conditions) walk(condition);
    for (SortKey& key : stage.keys) walk(key.value);
    if (stage.group == nullptr) continue;
    for (Typed& key : stage.group->keys) walk(key);
    for (AggregatePlan& aggregate : stage.group->aggregates) {
      if (aggregate.value) walk(*aggregate.value);
    }
  }
  for (ShownColumn& column : plan.shown) walk(column.value);
}

void prepare(Typed& e, const Heap& heap, Preparation& preparation) {
  if (e.op == Op::attribute) {
    preparation.needs_buffers = preparation.needs_buffers || e.attribute->needs_buffers;
    preparation.needs_collector = preparation.needs_collector || e.attribute->needs_collector;
    preparation.needs_graph = preparation.needs_graph || e.attribute->cost >= Cost::graph;
    preparation.needs_dominators =
        preparation.needs_dominators || e.attribute->cost == Cost::retained;
    preparation.needs_counts = preparation.needs_counts || e.attribute->needs_counts;
    preparation.needs_holders = preparation.needs_holders || e.attribute->needs_holders;
  }
  if (e.op == Op::column && e.cost == Cost::retained) preparation.needs_dominators = true;
  if (e.op != Op::type_test || !e.types->matches.empty()) return;
  TypeTest& test = *e.types;
  const auto& types = heap.census.types;
  test.matches.assign(types.size(), 0);
  for (const std::string& name : test.names) {
    std::vector<std::string_view> found;
    for (std::size_t t = 0; t < types.size(); ++t) {
      if (!is_named(types[t].name, name)) continue;
      test.matches[t] = 1;
      if (std::find(found.begin(), found.end(), types[t].name) == found.end()) {
        found.push_back(types[t].name);
      }
    }
    if (found.empty()) preparation.notes.push_back(fmt::format("no type is called {}", name));
    if (found.size() > 1) {
      std::string text = fmt::format("\"{}\" stands for {} types:", name, found.size());
      for (std::size_t i = 0; i < found.size() && i < 4; ++i) text += fmt::format(" {}", found[i]);
      preparation.notes.push_back(text + (found.size() > 4 ? " ..." : ""));
    }
  }
  if (test.subclasses && heap.runtime != nullptr && heap.types != nullptr) {
    mark_bases(heap, std::vector<std::uint8_t>(test.matches), test.matches);
  }
}

Result<void> derive(const Preparation& preparation, const Heap& heap, Derived& derived,
                    JobControl& job) {
  const census::Rows& rows = heap.census.rows;
  if (preparation.needs_buffers && derived.buffers.empty()) {
    job.begin_step("adding up buffers", rows.size());
    derived.buffers.assign(rows.size(), 0);
    const auto owners = rows.owners();
    const auto sizes = rows.sizes();
    const auto flags = rows.flags();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (owners[i] >= rows.size() || (flags[i] & 3) != 0) continue;
      derived.buffers[owners[i]] += sizes[i];
    }
    job.advance(rows.size());
  }
  if (preparation.needs_collector && !derived.collector && heap.runtime != nullptr) {
    const auto states = python::find_gc_states(heap.image, *heap.runtime);
    auto members = python::GcMembers::walk(heap.image, *heap.runtime, states, job);
    if (!members) return std::unexpected(members.error());
    derived.collector = std::make_unique<python::GcMembers>(std::move(*members));
  }
  const bool graph = preparation.needs_graph || preparation.needs_dominators;
  if (graph && derived.graph == nullptr) {
    if (!heap.graph || !heap.dominators) {
      return fail(ErrorCode::no_object, "select", "this target has no object graph");
    }
    const auto built = heap.graph(job);
    if (!built) return std::unexpected(built.error());
    derived.graph = *built;
    derived.depths = derived.graph->depths();
  }
  if (preparation.needs_dominators && derived.dominators == nullptr) {
    const auto found = heap.dominators(job);
    if (!found) return std::unexpected(found.error());
    derived.dominators = *found;
  }
  if (preparation.needs_counts && derived.retained_counts.empty()) {
    derived.retained_counts = graph::retained_counts(*derived.dominators, derived.graph->objects());
  }
  if (preparation.needs_holders && !derived.holders) {
    auto found = graph::find_holders({heap.image, heap.census, heap.runtime, heap.types},
                                     *derived.graph, *derived.dominators, job);
    if (!found) return std::unexpected(found.error());
    derived.holder_of = graph::holders_by_node(*derived.graph, *derived.dominators, *found);
    derived.holders = std::move(*found);
  }
  if (job.cancelled()) return fail(ErrorCode::cancelled, "select", "cancelled");
  return {};
}

}  // namespace coreheap::query
