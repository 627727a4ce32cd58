// Objects by who refers to them: by the kinds of their referrers, by the names of the references.
//
// heapy's byrcs and byvia. The set of an object grows reference by reference; sets are kept once
// each and an object knows the number of its own, so that ten million objects cost four bytes each
// and not a set each.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "heapparse/base/big_column.h"
#include "heapparse/base/error.h"
#include "heapparse/base/parallel.h"
#include "heapparse/graph/graph.h"

namespace coreheap::graph {

inline constexpr std::uint32_t kMostMembers = 100;

struct NodeGroups {
  BigColumn<std::uint32_t> of;     // by node [0, objects()): a place in `names`
  std::vector<std::string> names;  // "dict of app.Node, list"; "<nothing>" for the empty set
};

// "dict of app.Node" for a namespace, "dict (no owner)" for other dicts, else the type; of a native
// block its kind.
std::string kind_with_owner(const census::Census& census, census::RowId row);

// By the set of kinds of the objects and blocks that refer to an object; roots are none.
Result<NodeGroups> by_referrers(const Sources& sources, const Graph& graph, JobControl& job);

// By the set of names of the references to an object. Places in containers of more than
// kMostPlaces are one name, "[...]".
inline constexpr std::uint32_t kMostPlaces = 64;
Result<NodeGroups> by_reference_names(const Sources& sources, const Graph& graph, JobControl& job);

}  // namespace coreheap::graph
