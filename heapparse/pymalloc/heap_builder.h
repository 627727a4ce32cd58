// Puts a PymallocHeap together from what the scan and the search found: arenas first, then the
// pools that lie in them, then each pool's free list against its header.
//
// Invariant: arenas never overlap; a pool belongs to the arena it lies in, whatever its header
// says.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "heapparse/pymalloc/arena_arrays.h"
#include "heapparse/pymalloc/pymalloc_heap.h"

namespace coreheap::pymalloc {

// A damaged heap has one cause and thousands of symptoms: the first of each kind are told one by
// one, the others are counted.
class FindingLog {
 public:
  void add(Address address, std::string what, std::string evidence,
           Severity severity = Severity::warning);
  Findings take();

 private:
  static constexpr std::uint64_t kToldOneByOne = 16;
  struct Kind {
    std::uint64_t count = 0;
    Severity severity = Severity::note;
    Address last;
  };
  Findings findings_;
  std::map<std::string, Kind> kinds_;
};

class HeapBuilder {
 public:
  HeapBuilder(const image::Image& image, const Candidates& candidates, const ArenaSearch& search);

  Result<PymallocHeap> build(JobControl& job);
  std::uint64_t refused_pools() const { return refused_; }
  std::uint64_t deduced_arenas() const { return deduced_; }

 private:
  void take_arenas_from_arrays();
  void decide_arena_bytes();
  void take_deduced_arenas();
  void place_pools();
  void account_for(Arena& arena, std::span<const Candidate> pools);
  Result<void> check_free_lists(JobControl& job);

  const image::Image& image_;
  const Candidates& candidates_;
  const ArenaSearch& search_;
  PymallocHeap heap_;
  FindingLog log_;
  std::uint64_t refused_ = 0;
  std::uint64_t deduced_ = 0;
};

}  // namespace coreheap::pymalloc
