// The edges that start at roots, beside the edges between objects: they are few, and found at other
// times.
//
// Ids: objects are [0, objects), roots follow, the super-root, which holds all roots, is the last.
// An *anchored* root keeps what it holds whatever else goes (immortals, static objects): its
// objects hang at the super-root itself, and who else refers to them does not matter.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace coreheap::graph {

class RootEdges {
 public:
  RootEdges() = default;
  explicit RootEdges(std::uint32_t objects) : objects_(objects) {}

  // Adds a root; its id. Only roots that were added may be referred to.
  std::uint32_t add_root(bool anchored) {
    held_.emplace_back();
    anchored_.push_back(anchored);
    return objects_ + static_cast<std::uint32_t>(held_.size()) - 1;
  }
  // `target`: an object or a root. Repeats are dropped by finish().
  void add(std::uint32_t root, std::uint32_t target) { held_[root - objects_].push_back(target); }
  // Sorts, and makes the reverse; to be called after the last add() and before the look-ups.
  void finish() {
    referrers_.clear();
    for (std::uint32_t r = 0; r < held_.size(); ++r) {
      auto& held = held_[r];
      std::sort(held.begin(), held.end());
      held.erase(std::unique(held.begin(), held.end()), held.end());
      for (const std::uint32_t target : held) referrers_.emplace_back(target, objects_ + r);
    }
    std::sort(referrers_.begin(), referrers_.end());
  }

  std::uint32_t objects() const { return objects_; }
  std::uint32_t roots() const { return static_cast<std::uint32_t>(held_.size()); }
  std::uint32_t super_root() const { return objects_ + roots(); }
  std::uint32_t size() const { return super_root() + 1; }

  bool is_anchored(std::uint32_t root) const { return anchored_[root - objects_]; }
  std::span<const std::uint32_t> of(std::uint32_t root) const { return held_[root - objects_]; }
  // (target, root) for each root that holds `target`.
  std::span<const std::pair<std::uint32_t, std::uint32_t>> referrers(std::uint32_t target) const {
    const auto [first, last] =
        std::equal_range(referrers_.begin(), referrers_.end(), std::pair(target, std::uint32_t{0}),
                         [](const auto& a, const auto& b) { return a.first < b.first; });
    return {first, last};
  }

 private:
  std::uint32_t objects_ = 0;
  std::vector<std::vector<std::uint32_t>> held_;
  std::vector<bool> anchored_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> referrers_;
};

}  // namespace coreheap::graph
