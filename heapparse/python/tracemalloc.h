// What tracemalloc knew: every traced allocation with the traceback of the moment it was made.
//
// Its tables are plain hashtables in raw memory. From 3.12 on `_PyRuntime` points to them; before,
// static variables of the module do, and a table is known by what is in it: a header whose buckets
// and functions are where they may be, and entries that lead to tracebacks whose frames name files.
// Symbols only say what the structure cannot (the number of frames that were asked for).
//
// Invariants: traces are sorted by address, then domain; tracebacks are interned as the target's
// are, file names by their text; nothing is reserved by a count that was read, only by entries that
// were met. A damaged chain ends early and is a finding.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "heapparse/base/address.h"
#include "heapparse/base/error.h"
#include "heapparse/base/finding.h"
#include "heapparse/base/parallel.h"
#include "heapparse/image/image.h"
#include "heapparse/image/symbols.h"
#include "heapparse/python/runtime.h"

namespace coreheap::python {

// One line of a traceback; `file` is an index into Tracemalloc::files.
struct TraceFrame {
  std::uint32_t file = 0;
  std::uint32_t line = 0;
  bool operator==(const TraceFrame&) const = default;
};

struct TracemallocTable {
  enum class Kind : std::uint8_t { traces, tracebacks, filenames, domains };
  Kind kind = Kind::traces;
  Address header;
};

struct Tracemalloc {
  enum class State : std::uint8_t {
    absent,  // this version has no tracemalloc
    off,     // never started, or stopped: stopping drops every trace
    tracing,
  };
  State state = State::off;
  std::optional<std::uint32_t> max_frames;  // the limit of frames in a traceback
  std::uint64_t traced_bytes = 0;           // tracemalloc.get_traced_memory()
  std::optional<std::uint64_t> peak_bytes;
  std::optional<std::uint64_t> own_bytes;  // tracemalloc.get_tracemalloc_memory()

  // Traces, column by column.
  std::vector<Address> addresses;
  std::vector<std::uint64_t> sizes;
  std::vector<std::uint32_t> tracebacks;
  std::vector<std::uint32_t> domains;

  // Tracebacks: frames of traceback i are [first_frame[i], first_frame[i + 1]), innermost first.
  std::vector<std::uint32_t> first_frame{0};
  std::vector<std::uint32_t> total_frames;  // what the stack had; 0: the version does not say
  std::vector<TraceFrame> frames;
  std::vector<std::string> files;  // UTF-8

  std::vector<TracemallocTable> tables;
  std::vector<Evidence> evidence;
  Findings findings;

  std::size_t size() const { return addresses.size(); }
  std::span<const TraceFrame> frames_of(std::uint32_t traceback) const {
    return std::span(frames).subspan(first_frame[traceback],
                                     first_frame[traceback + 1] - first_frame[traceback]);
  }
  // The trace of a block whose bytes are `block`: the first one that lies in it, of the default
  // domain where several do. Debug hooks and headers move it away from the block's start.
  std::optional<std::size_t> trace_in(AddressRange block) const;
};

Result<Tracemalloc> find_tracemalloc(const image::Image& image, const image::Symbols& symbols,
                                     const Runtime& runtime, JobControl& job);

// Every block of raw memory that the tables take, in any order, some more than once when damaged:
// headers, buckets, entries, traces, tracebacks.
void visit_tracemalloc_blocks(const image::Image& image, const Runtime& runtime,
                              const Tracemalloc& tracemalloc,
                              const std::function<void(Address)>& visit);

}  // namespace coreheap::python
