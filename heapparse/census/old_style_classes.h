// Types of old-style instances (2.7): to the interpreter they are all of type `instance`, to a
// reader they are of their class. Each class met gets a type id of its own behind those of the type
// table.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "heapparse/census/census.h"

namespace coreheap::census {

class OldStyleClasses {
 public:
  explicit OldStyleClasses(std::size_t first_id) : first_id_(first_id) {}

  // Safe from several workers. Ids depend on who came first; nothing is ordered by them.
  TypeId id_of(Address class_object) {
    const std::lock_guard lock(mutex_);
    const auto [it, added] =
        ids_.try_emplace(class_object, static_cast<std::uint32_t>(first_id_ + classes_.size()));
    if (added) classes_.push_back(class_object);
    return TypeId{it->second};
  }
  const std::vector<Address>& classes() const { return classes_; }

 private:
  std::size_t first_id_;
  std::mutex mutex_;
  std::unordered_map<Address, std::uint32_t> ids_;
  std::vector<Address> classes_;
};

}  // namespace coreheap::census
