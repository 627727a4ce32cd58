// Ways in words: what each step is called, as the program would write it.
//
// A namespace between a module, a class or an instance and what is in it is left out: `.name`
// stands for `.__dict__['name']`.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "heapparse/census/census.h"
#include "heapparse/graph/edge_names.h"
#include "heapparse/graph/graph.h"
#include "heapparse/graph/paths.h"

namespace coreheap::graph {

// One step of a way: the node, and what the one before calls it.
struct WayStep {
  NodeId node = NodeId::none;
  std::string edge;  // ".name", "['key']"; of a root its name
  bool conservative = false;
};

// `begin` names the first node where that is no root.
std::vector<WayStep> way_steps(const Graph& graph, EdgeNames& names, const Path& path,
                               std::string_view begin = {});

// "sys.modules['app'].CACHE['k']".
std::string way_text(const std::vector<WayStep>& steps);

// The same from the module on: "app.CACHE['k']"; of what a variable holds, from the variable on:
// "local rows[3] of handle() at app.py:12 in thread 7".
std::string place_text(std::string way);

// Where the graph's own way to `id` leads: "app.CACHE['k']".
std::string place_of(const Graph& graph, EdgeNames& names, NodeId id);

// "app.Node"; of a native block "native: " and its kind; of a root its name. As the target spells
// it: whoever prints it escapes it.
std::string node_text(const Graph& graph, const census::Census& census, NodeId id);

}  // namespace coreheap::graph
