// The graph of a hostile process, with dominators and whom native memory is charged to. Checked
// besides crashes and endless walks: every node hangs at a root and has a dominator, the bytes of
// the tree add up, and every native block is charged to one object or root.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "heapparse/graph/native_holders.h"
#include "heapparse/snapshot/snapshot.h"
#include "tests/fuzz/hostile_process.h"

namespace {

using namespace coreheap;
using graph::NodeId;

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const fuzz::HostileProcess process(data, size);
  Snapshot snapshot(process.image(), {(data[1] & 8) == 0});
  JobControl job;
  const auto built = snapshot.graph(job);
  if (!built) return 0;  // no allocator was left to find
  const graph::Graph& graph = **built;
  const auto dominators = snapshot.dominators(job);
  const auto census = snapshot.census(job);
  const auto runtime = snapshot.runtime(job);
  const auto types = snapshot.types(job);
  require(dominators && census && runtime && types);
  const auto holders = graph::holders_of_native_blocks(
      {snapshot.image(), **census, *runtime, *types}, graph, **dominators, job);
  require(holders.has_value() && holders->size() == graph.objects());
  for (std::uint32_t i = 0; i < graph.objects(); ++i) {
    const NodeId id{i};
    require(graph.is_root(graph.root_of(id)));
    require((*dominators)->idom[i] != graph::Dominators::kNone);
    const NodeId holder = (*holders)[i];
    require(graph.is_object(id) == (holder == NodeId::none));
    if (holder == NodeId::none) continue;
    require(graph.is_root(holder) || graph.is_object(holder));
  }
  require((*dominators)->retained[graph::index_of(graph.super_root())] == graph.total_weight());
  return 0;
}
