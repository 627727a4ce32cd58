// A big array that is sized first and filled afterwards, by several workers.
//
// std::vector writes zeroes when it grows, on the thread that grows it: for hundreds of megabytes
// that is one core taking every page fault. A BigColumn leaves new elements unwritten; whoever
// fills them touches them first. Only for elements that are all written before they are read.
#pragma once

#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace coreheap {

template <class T>
struct UnwrittenAllocator : std::allocator<T> {
  static_assert(std::is_trivial_v<T>);
  template <class U>
  struct rebind {
    using other = UnwrittenAllocator<U>;
  };
  UnwrittenAllocator() = default;
  template <class U>
  UnwrittenAllocator(const UnwrittenAllocator<U>&) {}

  template <class U>
  void construct(U* place) noexcept {
    ::new (static_cast<void*>(place)) U;  // default-initialised: not written
  }
  template <class U, class... Args>
  void construct(U* place, Args&&... args) {
    ::new (static_cast<void*>(place)) U(std::forward<Args>(args)...);
  }
};

template <class T>
using BigColumn = std::vector<T, UnwrittenAllocator<T>>;

}  // namespace coreheap
