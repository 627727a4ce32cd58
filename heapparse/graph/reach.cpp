#include "heapparse/graph/reach.h"

#include <algorithm>

namespace coreheap::graph {
namespace {

constexpr std::size_t kPoll = 1 << 16;

}  // namespace

Ways::Ways(std::size_t nodes) {
  parent_.resize(nodes);
  std::fill(parent_.begin(), parent_.end(), kNone);
}

void Ways::start(std::uint32_t root, std::span<const std::uint32_t> held) {
  for (const std::uint32_t node : held) {
    if (node >= parent_.size() || parent_[node] != kNone) continue;
    parent_[node] = root;
    queue_.push_back(node);
  }
}

Result<void> Ways::search(const Csr& forward, JobControl& job) {
  for (std::size_t at = 0; at < queue_.size(); ++at) {
    const std::uint32_t node = queue_[at];
    for (const std::uint32_t target : forward.of(node)) {
      if (parent_[target] != kNone) continue;
      parent_[target] = node;
      queue_.push_back(target);
    }
    if (at % kPoll == 0 && job.cancelled()) {
      return fail(ErrorCode::cancelled, "job", "cancelled");
    }
  }
  queue_ = {};
  return {};
}

}  // namespace coreheap::graph
