// Tables of the references from and to one node; names are decoded when a row is shown.
#pragma once

#include <memory>
#include <vector>

#include "commands/graph_view.h"
#include "commands/table.h"

namespace coreheap::commands {

struct ListedReference {
  graph::NodeId node = graph::NodeId::none;  // who refers, or who is referred to
  enum class Strength : std::uint8_t { strong, conservative, weak } strength = Strength::strong;
  std::uint32_t times = 1;
};

// number, name, address, type, label, size, strength, times
std::vector<Column> reference_list_columns();

// `of`: the node that is referred to (holders listed) or that refers (referents listed).
std::shared_ptr<const RowSource> reference_list(std::shared_ptr<GraphView> view, graph::NodeId of,
                                                bool holders,
                                                std::vector<ListedReference> references);

}  // namespace coreheap::commands
