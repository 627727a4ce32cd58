// The syntax tree of parser.st (up to 3.9): raw nodes, each with an array of children and a string
// of its own. Sizes are those that CPython's parser counts, which rounds arrays up as it grows
// them.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <unordered_set>
#include <vector>

#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct SyntaxBlock {
  Address start;
  std::uint64_t size = 0;
};

// The children that an array of `count` has room for.
constexpr std::uint64_t syntax_children_allocated(std::uint64_t count) {
  if (count <= 1) return count;
  return count <= 128 ? (count + 3) & ~std::uint64_t{3} : std::bit_ceil(count);
}

// Calls visit(SyntaxBlock) for each raw block of the tree; false when not all of it is there, or
// when a node comes round again, as only damage makes it: no more nodes are looked at than there
// are.
template <class Visit>
bool for_each_syntax_block(ObjectReader& reader, Address tree, Visit&& visit) {
  constexpr std::size_t kLongestString = 1U << 20;
  const auto& f = reader.layout().syntax_node;
  const auto root = reader.pointer(tree, reader.layout().syntax_tree.root);
  if (!root || !f.present()) return true;
  visit(SyntaxBlock{*root, f.struct_size});
  struct Siblings {
    Address next;
    std::uint64_t left;
  };
  std::vector<Siblings> waiting{{*root, 1}};
  std::unordered_set<std::uint64_t> seen;
  while (!waiting.empty()) {
    const Address node = waiting.back().next;
    waiting.back().next = node + f.struct_size;
    if (--waiting.back().left == 0) waiting.pop_back();
    const auto count = reader.memory().read<std::uint32_t>(node + f.child_count.offset);
    if (!count || !seen.insert(node.value).second) return false;
    if (const auto string = reader.pointer(node, f.string)) {
      const auto text = reader.memory().space().read_c_string(*string, kLongestString);
      if (!text) return false;
      visit(SyntaxBlock{*string, text->size() + 1});
    }
    const auto children = reader.pointer(node, f.children);
    if (!children) continue;
    visit(SyntaxBlock{*children, syntax_children_allocated(*count) * f.struct_size});
    if (*count != 0) waiting.push_back({*children, *count});
  }
  return true;
}

}  // namespace coreheap::python
