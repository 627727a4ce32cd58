// What an edge is called: decoded from the holder again when it is shown.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "heapparse/graph/graph.h"
#include "heapparse/python/decoder.h"
#include "heapparse/python/reference.h"
#include "heapparse/python/threads.h"

namespace coreheap::graph {

struct NamedEdge {
  std::string text;           // ".name", "['key']", "[3]", "<local x>"
  bool is_dict = false;       // the holder's own __dict__
  bool conservative = false;  // a word of memory whose layout nobody knows
  // What a root holds says more than the root: "handle() at app.py:12" of a thread.
  bool names_root = false;
};

// "handle() at app.py:12", the file without its folders.
std::string name_of_frame(const python::PythonFrame& frame);

class EdgeNames {
 public:
  // All of it outlives the names.
  EdgeNames(const Sources& sources, const Graph& graph);

  // Under which names `holder` holds `target`, in the order in which it does; at most `limit`. At
  // least one, if only "<word>".
  std::vector<NamedEdge> of(NodeId holder, NodeId target, std::size_t limit = 1);

 private:
  std::string text_of(const python::EdgeName& name);
  std::vector<NamedEdge> of_root(NodeId root, NodeId target, std::size_t limit);

  const Sources sources_;
  const Graph& graph_;
  std::optional<python::Decoder> decoder_;
};

}  // namespace coreheap::graph
