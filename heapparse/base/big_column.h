// A big array that is sized first and filled afterwards, by several workers.
//
// std::vector writes zeroes when it grows, on the thread that grows it: for hundreds of megabytes
// that is one core taking every page fault. A BigColumn leaves new elements unwritten; whoever
// fills them touches them first. Only for elements that are all written before they are read.
//
// Big ones ask for huge pages: random reads and writes all over an array are two to four times as
// fast when the processor need not look up a page for each.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace coreheap {

template <class T>
struct UnwrittenAllocator : std::allocator<T> {
  static_assert(std::is_trivial_v<T>);
  template <class U>
  struct rebind {  // NOLINT(readability-identifier-naming): std::allocator_traits asks for it
    using other = UnwrittenAllocator<U>;
  };
  UnwrittenAllocator() = default;
  template <class U>
  UnwrittenAllocator(const UnwrittenAllocator<U>&) {}

  static constexpr std::size_t kHugePage = std::size_t{2} << 20;
  static constexpr bool is_big(std::size_t n) { return n >= 4 * kHugePage / sizeof(T); }
  T* allocate(std::size_t n) {
    if (!is_big(n)) return std::allocator<T>::allocate(n);
    if (n > SIZE_MAX / sizeof(T)) throw std::bad_array_new_length();
    void* place = ::operator new (n * sizeof(T), std::align_val_t{kHugePage});
    // A wish; without it everything works, slower.
    static_cast<void>(madvise(place, n * sizeof(T), MADV_HUGEPAGE));
    return static_cast<T*>(place);
  }
  void deallocate(T* place, std::size_t n) noexcept {
    if (!is_big(n)) {
      std::allocator<T>::deallocate(place, n);
    } else {
      ::operator delete (place, std::align_val_t{kHugePage});
    }
  }

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
