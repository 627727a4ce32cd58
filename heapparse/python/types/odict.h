// The view of collections.OrderedDict in C: the order lives in nodes of its own beside the dict's
// table.
#pragma once

#include <optional>

#include "heapparse/python/chain_guard.h"
#include "heapparse/python/object_reader.h"

namespace coreheap::python {

struct OdictView {
  Address first;
  Address fast_nodes;  // table of node pointers
  std::uint64_t fast_nodes_size = 0;
  std::uint64_t used = 0;
};

inline std::optional<OdictView> view_odict(ObjectReader& reader, Address object) {
  const auto& f = reader.layout().odict;
  const auto first = reader.word(object, f.first);
  const auto nodes = reader.word(object, f.fast_nodes);
  const auto size = reader.word(object, f.fast_nodes_size);
  const auto used = reader.word(object, reader.layout().dict.used);
  if (!first || !nodes || !size || !used || *size >= (std::uint64_t{1} << 44)) return std::nullopt;
  return OdictView{Address{*first}, Address{*nodes}, *size, *used};
}

// Calls visit(node) in order; bounded by the number of keys, and by the chain.
template <class Visit>
void for_each_node(ObjectReader& reader, const OdictView& odict, Visit&& visit) {
  Address node = odict.first;
  ChainGuard guard;
  for (std::uint64_t i = 0; node && i < odict.used && !guard.repeats(node); ++i) {
    visit(node);
    node = Address{reader.word(node, reader.layout().odict_node.next).value_or(0)};
  }
}

}  // namespace coreheap::python
