// Reads the counters of a running process, without stopping it and without walking anything.
//
// Where the allocators keep theirs was found once, in an image; afterwards a sample is a few small
// files of /proc and a few words of memory. What has moved meanwhile (pymalloc's arena array when
// it grows, new arenas in glibc's ring) is followed.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/image/image.h"
#include "heapparse/malloc/malloc_heap.h"
#include "heapparse/pymalloc/pymalloc_heap.h"
#include "heapparse/usage/recording.h"

namespace coreheap::usage {

class Sampler {
 public:
  Sampler(std::uint64_t pid, const std::vector<glibc::MallocHeap>& heaps,
          const pymalloc::PymallocHeap& pymalloc);

  // Error process_vanished when it has ended.
  Result<Sample> take();

 private:
  struct Ring {
    Address main_arena;
    std::uint32_t system_bytes_offset;
    std::uint32_t next_offset;
    Address mmapped_bytes;  // of mp_; 0: not known
  };

  std::optional<std::uint64_t> word(Address address) const;
  bool read(Address address, std::span<std::byte> out) const;
  void add_glibc(Sample& sample) const;
  void add_pymalloc(Sample& sample) const;
  std::uint64_t pss(const std::string& directory);

  std::uint64_t pid_;
  std::vector<Ring> rings_;
  std::vector<Address> anchors_;
  std::uint64_t pool_bytes_;
  std::uint64_t arena_bytes_;
  std::optional<std::chrono::steady_clock::time_point> began_;
  std::uint64_t pss_ = 0;  // as last read
  std::chrono::steady_clock::time_point next_pss_{};
};

}  // namespace coreheap::usage
