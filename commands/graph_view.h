// What the commands on the graph share: the stages they need, finding the node that a word means,
// and the words for nodes, edges and ways.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/registry.h"
#include "heapparse/graph/edge_names.h"
#include "heapparse/graph/graph.h"
#include "heapparse/graph/paths.h"
#include "heapparse/graph/way_names.h"

namespace coreheap::commands {

// Rows beyond these keep their addresses to themselves.
inline constexpr std::size_t kMostNumbered = 1000;

// "a,b,c" in parts; empty ones are left out.
std::vector<std::string> split_list(std::string_view text);

class GraphView {
 public:
  // Works out the graph. Errors: of the stages.
  static Result<std::shared_ptr<GraphView>> open(Context& context);

  const graph::Graph& graph() const { return *graph_; }
  const census::Census& census() const { return *census_; }
  const Target& target() const { return *target_; }
  graph::Sources sources() const;
  bool has_python() const { return runtime_ != nullptr && types_ != nullptr; }
  const python::Runtime* runtime() const { return runtime_; }
  const python::TypeTable* types() const { return types_; }
  // Only with Python inside.
  python::Decoder& decoder() { return *decoder_; }

  // The node that an address or a row number (`#3`, `3`) means; interior addresses count. Errors
  // say what lies there instead.
  Result<graph::NodeId> node_of(Context& context, std::string_view word);
  // The nodes that words mean: addresses, row numbers, names of types (all live objects of them).
  Result<std::vector<graph::NodeId>> nodes_of(Context& context, std::span<const std::string> words);
  std::vector<graph::NodeId> objects_of_type(std::string_view name) const;

  // "app.Node"; of a native block its kind; of a root its name.
  std::string type(graph::NodeId id) const;
  // A few words beyond the type; may be empty.
  std::string label(graph::NodeId id);
  std::vector<graph::NamedEdge> edges(graph::NodeId holder, graph::NodeId target,
                                      std::size_t limit = 1) {
    return names_->of(holder, target, limit);
  }
  Address address(graph::NodeId id) const {
    return graph_->is_root(id) ? graph_->root(id).address : graph_->address(id);
  }
  std::optional<python::Object> object(graph::NodeId id);

  std::vector<graph::WayStep> steps(const graph::Path& path);
  // "sys.modules['app'].CACHE['k']".
  std::string way_text(const graph::Path& path) { return graph::way_text(steps(path)); }
  // An indented line a step, long ways cut in the middle.
  std::string way_lines(const graph::Path& path, std::size_t indent);

  // Does this node only lead from roots to what the program itself keeps: sys.modules, modules,
  // their namespaces?
  bool is_plumbing(graph::NodeId id);

 private:
  GraphView() = default;
  Error nothing_at(Address a) const;

  Target* target_ = nullptr;
  const census::Census* census_ = nullptr;
  const python::Runtime* runtime_ = nullptr;
  const python::TypeTable* types_ = nullptr;
  const graph::Graph* graph_ = nullptr;
  std::optional<python::Decoder> decoder_;
  std::optional<graph::EdgeNames> names_;
};

}  // namespace coreheap::commands
