// The id of a node: its place in address order, roots behind all objects.
#pragma once

#include <cstdint>

namespace coreheap::graph {

enum class NodeId : std::uint32_t { none = 0xffffffff };

constexpr std::uint32_t index_of(NodeId id) { return static_cast<std::uint32_t>(id); }

}  // namespace coreheap::graph
