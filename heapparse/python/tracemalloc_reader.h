// Reading the contents of tracemalloc's tables into columns: traces, interned tracebacks and file
// names. Which tables is find_tracemalloc.cpp's business.
//
// Invariant: what is kept is bounded by the bytes of the image, however often damage makes entries
// share their targets.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "heapparse/python/hashtable.h"
#include "heapparse/python/object_reader.h"
#include "heapparse/python/tracemalloc.h"

namespace coreheap::python {

class TracemallocReader {
 public:
  TracemallocReader(const image::Image& image, const Runtime& runtime);

  ObjectReader& reader() { return reader_; }

  // Does it look like a traceback: frames that fit, the first of them with a file name?
  bool is_traceback(Address a);
  bool is_filename(Address a);
  // The trace behind an entry: its size and the address of its traceback.
  struct RawTrace {
    Address address;
    std::uint32_t domain = 0;
    std::uint64_t size = 0;
    Address traceback;
  };
  std::optional<RawTrace> trace(const HashtableHead& head, Address entry);

  // Appends the traces of one table; `domain` is the table's own, where tables have one.
  void read_traces(Tracemalloc& out, const HashtableHead& head, std::uint32_t domain);
  // Puts the columns into their order.
  static void sort(Tracemalloc& out);

 private:
  struct RawFrames {
    std::uint64_t count = 0;
    std::uint64_t total = 0;
  };
  std::optional<RawFrames> frames_at(Address a);
  std::optional<std::uint32_t> intern_traceback(Tracemalloc& out, Address a);
  std::optional<std::uint32_t> intern_file(Tracemalloc& out, Address a);
  std::optional<std::string> file_text(Address a);
  bool spend(std::uint64_t bytes);

  const image::Image& image_;
  const Runtime& runtime_;
  ObjectReader reader_;
  std::unordered_map<Address, std::uint32_t> tracebacks_;
  std::unordered_map<Address, std::uint32_t> files_;
  std::unordered_map<std::string, std::uint32_t> file_of_text_;
  std::uint64_t budget_ = 0;
};

}  // namespace coreheap::python
