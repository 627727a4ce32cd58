// Interned labels: the fixed ones stand first, one a kind, in the order of the list; details are
// added.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "heapparse/census/census.h"

namespace coreheap::census {

constexpr LabelId label_of_kind(Kind kind) { return LabelId{static_cast<std::uint32_t>(kind)}; }

class LabelTable {
 public:
  LabelTable() {
    for (std::size_t i = 0; i < all_kinds().size(); ++i) {
      labels_.push_back({static_cast<Kind>(i), {}});
    }
  }

  // Safe from several workers.
  LabelId intern(Kind kind, std::string detail) {
    if (detail.empty()) return label_of_kind(kind);
    const std::lock_guard lock(mutex_);
    const auto [it, added] =
        ids_.try_emplace({kind, detail}, static_cast<std::uint32_t>(labels_.size()));
    if (added) labels_.push_back({kind, std::move(detail)});
    return LabelId{it->second};
  }

  // Not while workers intern.
  const Label& operator[](LabelId id) const { return labels_[index_of(id)]; }

  std::vector<Label> take() { return std::move(labels_); }

 private:
  std::mutex mutex_;
  std::vector<Label> labels_;
  std::map<std::pair<Kind, std::string>, std::uint32_t> ids_;
};

}  // namespace coreheap::census
