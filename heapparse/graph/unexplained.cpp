#include "heapparse/graph/unexplained.h"

#include <algorithm>

namespace coreheap::graph {

Audit::Audit(const BigColumn<std::uint32_t>& refcounts, const BigColumn<std::uint32_t>& found)
    : refcounts_(refcounts), open_(refcounts.size()) {
  for (std::uint32_t i = 0; i < refcounts.size(); ++i) {
    const std::uint32_t count = refcounts[i];
    if (count >= DecodedEdges::kNoCount) continue;
    ++sums_.mortal;
    if (found[i] == count) {
      ++sums_.exact;
    } else if (found[i] < count) {
      entries_.push_back({i, count - found[i], count - found[i], 0});
      open_.set(i);
    } else {
      overcounted_.push_back(i);
    }
  }
}

Unexplained* Audit::entry(std::uint32_t node) {
  const auto it = std::lower_bound(
      entries_.begin(), entries_.end(), node,
      [](const Unexplained& one, std::uint32_t wanted) { return one.node < wanted; });
  return it != entries_.end() && it->node == node ? &*it : nullptr;
}

std::vector<Edge> Audit::explain(std::vector<Edge> edges, std::uint16_t found_in) {
  std::vector<Edge> accepted;
  std::vector<std::uint32_t> touched;
  for (const Edge& edge : edges) {
    if (refcounts_[edge.second] == DecodedEdges::kNoCount) {
      accepted.push_back(edge);
      continue;
    }
    if (!open_[edge.second]) continue;
    Unexplained* one = entry(edge.second);
    if (one == nullptr) continue;
    if (one->left > 0) --one->left;
    one->found_in |= found_in;
    touched.push_back(edge.second);
    accepted.push_back(edge);
  }
  // Only now: within one kind of holder nothing says which of too many words is the real one.
  for (const std::uint32_t node : touched) {
    const Unexplained* one = entry(node);
    if (one != nullptr && one->left == 0) open_.clear(node);
  }
  return accepted;
}

AuditSums Audit::sums() const {
  AuditSums sums = sums_;
  sums.missing = entries_.size();
  sums.over = overcounted_.size();
  for (const Unexplained& one : entries_) sums.left += one.left > 0 ? 1 : 0;
  return sums;
}

}  // namespace coreheap::graph
