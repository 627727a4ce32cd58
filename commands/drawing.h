// A small graph to be looked at: boxes in levels, named arrows between them. Whoever fills it knows
// the heap; whoever writes it out knows a format.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace coreheap::commands {

struct DrawnNode {
  std::uint64_t level = 0;  // steps from the first node
  bool is_root = false;
  std::vector<std::string> lines;
  std::size_t left_out = 0;  // neighbours that are not drawn
};

struct DrawnEdge {
  std::size_t from = 0;  // places in Drawing::nodes
  std::size_t to = 0;
  std::string name;
  bool is_guess = false;
};

struct Drawing {
  bool referents = false;  // levels go along the references, else against them
  std::vector<DrawnNode> nodes;
  std::vector<DrawnEdge> edges;
};

// For Graphviz.
std::string as_dot(const Drawing& drawing);

// A column a level, arrows from left to right.
std::string as_svg(const Drawing& drawing);

}  // namespace coreheap::commands
