// A heap that was read against what the program and its libc said of it.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "heapparse/image/image.h"
#include "heapparse/malloc/malloc_heap.h"
#include "tests/glibc/heap_record.h"

namespace coreheap::glibc_oracle {

// Counts what was compared; prints the first differences.
class Comparison {
 public:
  template <class A, class B>
  void equal(const std::string& what, const A& found, const B& said) {
    ++compared_;
    if (static_cast<std::uint64_t>(found) == static_cast<std::uint64_t>(said)) return;
    wrong(fmt::format("{}: found {}, libc says {}", what, found, said));
  }
  void holds(const std::string& what, bool good) {
    ++compared_;
    if (!good) wrong(what);
  }
  void wrong(const std::string& text) {
    if (++differences_ <= 20) fmt::print("DIFFERENT {}\n", text);
  }
  std::uint64_t compared() const { return compared_; }
  std::uint64_t differences() const { return differences_; }

 private:
  std::uint64_t compared_ = 0;
  std::uint64_t differences_ = 0;
};

// Every figure and every pointer of a target that stood still.
void compare(const glibc::MallocHeap& heap, const image::Image& image, const Record& said,
             Comparison& c);

// Segments are tiled, sums agree. These hold for any heap, quiescent or not.
void check_invariants(const glibc::MallocHeap& heap, Comparison& c);

// A stop at a random moment: what a thread was linking or cutting is half done, and then its arena
// is locked. An arena that nobody had locked is whole. A tcache has no lock, being a thread's own:
// each may have one list whose count is a step ahead or behind.
void check_torn(const glibc::MallocHeap& heap, Comparison& c);

}  // namespace coreheap::glibc_oracle
