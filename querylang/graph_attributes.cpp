// What the graph says of one node.
#include "querylang/graph_attributes.h"

namespace coreheap::query {

namespace {

using census::RowId;
using graph::NodeId;

template <class Make>
Value of_node(Worker& worker, RowId row, Make&& make) {
  const auto node = node_of(worker.derived(), row);
  return node ? make(*worker.derived().graph, *node) : Value::none();
}

}  // namespace

std::optional<NodeId> node_of(const Derived& derived, RowId row) {
  if (derived.graph == nullptr) return std::nullopt;
  const NodeId node = derived.graph->node(row);
  if (node == NodeId::none || derived.graph->is_root(node)) return std::nullopt;
  if (derived.graph->row(node) != row) return std::nullopt;
  return node;
}

Value row_reachable(Worker& worker, RowId row) {
  return of_node(worker, row, [](const auto& g, NodeId n) { return Value::of(g.is_reachable(n)); });
}
Value row_garbage(Worker& worker, RowId row) {
  return of_node(worker, row, [](const auto& g, NodeId n) { return Value::of(g.is_garbage(n)); });
}
Value row_depth(Worker& worker, RowId row) {
  return of_node(worker, row, [&](const auto&, NodeId n) {
    return Value::of_count(worker.derived().depths[graph::index_of(n)]);
  });
}
Value row_in_refs(Worker& worker, RowId row) {
  return of_node(worker, row,
                 [](const auto& g, NodeId n) { return Value::of_count(g.in_refs(n)); });
}
Value row_out_refs(Worker& worker, RowId row) {
  return of_node(worker, row,
                 [](const auto& g, NodeId n) { return Value::of_count(g.out_refs(n)); });
}
Value row_unexplained(Worker& worker, RowId row) {
  return of_node(worker, row,
                 [](const auto& g, NodeId n) { return Value::of_count(g.unexplained(n)); });
}
Value row_root(Worker& worker, RowId row) {
  return of_node(worker, row, [](const auto& g, NodeId n) {
    const NodeId root = g.root_of(n);
    if (root == NodeId::none || !g.is_root(root) || root == g.super_root()) return Value::none();
    return Value::of_lasting_text(graph::name_of(g.root(root).kind));
  });
}
Value row_label(Worker& worker, RowId row) {
  return of_node(worker, row, [&](const auto& g, NodeId n) {
    const NodeId holder = g.parent(n);
    if (holder == NodeId::none || holder == g.super_root()) return Value::none();
    const auto names = worker.edge_names().of(holder, n);
    return names.empty() ? Value::none() : Value::of_text(worker.texts.keep(names[0].text));
  });
}
Value row_retained(Worker& worker, RowId row) {
  return of_node(worker, row, [&](const auto&, NodeId n) {
    return Value::of_count(worker.derived().dominators->retained[graph::index_of(n)]);
  });
}
Value row_thread(Worker& worker, RowId row) {
  return of_node(worker, row, [&](const auto& g, NodeId n) {
    const NodeId root = g.root_of(n);
    if (root == NodeId::none || !g.is_root(root) || root == g.super_root()) return Value::none();
    const std::uint32_t thread = g.root(root).thread;
    const auto& threads = worker.heap().image.threads;
    // threading.get_ident() is pthread_self(), which glibc keeps in the thread pointer.
    if (thread >= threads.size() || !threads[thread].thread_pointer) return Value::none();
    return Value::of_count(*threads[thread].thread_pointer);
  });
}
Value row_retained_count(Worker& worker, RowId row) {
  return of_node(worker, row, [&](const auto&, NodeId n) {
    return Value::of_count(worker.derived().retained_counts[graph::index_of(n)]);
  });
}
Value row_holder(Worker& worker, RowId row) {
  return of_node(worker, row, [&](const auto&, NodeId n) {
    const std::uint32_t holder = worker.derived().holder_of[graph::index_of(n)];
    if (holder == graph::Dominators::kNone) return Value::none();
    return Value::of_text(worker.holder_text(holder));
  });
}
Value row_idom(Worker& worker, RowId row) {
  return of_node(worker, row, [&](const auto& g, NodeId n) {
    const std::uint32_t above = worker.derived().dominators->idom[graph::index_of(n)];
    if (above == graph::Dominators::kNone || g.is_root(NodeId{above})) return Value::none();
    return Value::of_address(g.address(NodeId{above}));
  });
}

}  // namespace coreheap::query
