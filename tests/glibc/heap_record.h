// What heap_target wrote down: glibc's own figures (malloc_info, mallinfo2) and every pointer that
// the program holds, with its usable size. Sizes are bytes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace coreheap::glibc_oracle {

struct SizeLine {
  std::uint64_t from = 0, to = 0, total = 0, count = 0;
};

struct HeapElement {
  std::vector<SizeLine> sizes;
  std::optional<SizeLine> unsorted;
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> totals;  // type: count, size
  std::map<std::string, std::uint64_t> system, aspace;
};

struct Record {
  std::string glibc;
  int minor = 0;
  std::uint64_t file = 0;
  bool wide = false;  // mallinfo2
  std::vector<std::uint64_t> mallinfo;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> live;
  std::vector<HeapElement> heaps;
  HeapElement whole;
};

// Nothing when the file is missing or ends early: the target died before it was done.
std::optional<Record> read_record(const std::string& path);

}  // namespace coreheap::glibc_oracle
