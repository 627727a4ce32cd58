// What the garbage collector knows: its settings and counters, and the lists of the objects it
// tracks.
//
// The lists are no enumeration of the heap (strings, numbers and tuples of them are in none); they
// say of an object which generation it is in, and nothing else does. Heads are probed, never taken
// from the version alone: distributions move them (Debian's 3.13). Invariant: every walk ends, on
// any image; what a damaged list still gave is kept, with a finding.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "heapparse/base/error.h"
#include "heapparse/base/finding.h"
#include "heapparse/base/parallel.h"
#include "heapparse/image/image.h"
#include "heapparse/python/object_reader.h"
#include "heapparse/python/runtime.h"
#include "heapparse/python/type_table.h"

namespace coreheap::python {

inline constexpr std::size_t kGenerations = 3;
// The objects that gc.freeze() took out of collections, as a generation behind the others.
inline constexpr std::size_t kPermanent = kGenerations;

struct GcStatistics {
  std::uint64_t collections = 0;
  std::uint64_t collected = 0;
  std::uint64_t uncollectable = 0;
};

struct GcGeneration {
  Address head;  // of its list; 0: there is none
  std::optional<std::int32_t> threshold;
  std::optional<std::int32_t> count;
  std::optional<GcStatistics> statistics;
};

// The state of one collector. Absent figures are those that this version does not keep, or that
// cannot be found.
struct GcState {
  Address interpreter;  // 0: all interpreters share it (up to 3.8)
  std::uint64_t interpreter_id = 0;
  std::optional<bool> enabled;
  std::optional<bool> collecting;
  std::optional<std::uint32_t> debug;  // gc.DEBUG_* flags
  std::array<GcGeneration, kGenerations> generations;
  std::optional<GcGeneration> permanent;
  Address garbage;    // gc.garbage, a list; 0: not made yet, or not found
  Address callbacks;  // gc.callbacks, likewise
  std::optional<std::uint64_t> long_lived_total;
  std::optional<std::uint64_t> long_lived_pending;
  // Old objects are split into visited and pending ones (3.14.0 to 3.14.4).
  bool incremental = false;
};

struct GcStates {
  std::vector<GcState> states;
  std::vector<Evidence> evidence;
  Findings findings;
};

GcStates find_gc_states(const image::Image& image, const Runtime& runtime);

// "DEBUG_STATS | DEBUG_SAVEALL"; "0" for none.
std::string gc_debug_text(std::uint32_t flags);

// Which list each tracked object is in: the lists, walked once.
class GcMembers {
 public:
  struct Place {
    std::uint32_t state = 0;       // index into GcStates::states
    std::uint32_t generation = 0;  // 0 to 2, kPermanent
  };

  static Result<GcMembers> walk(const image::Image& image, const Runtime& runtime,
                                const GcStates& states, JobControl& job);

  std::uint64_t count(std::size_t state, std::size_t generation) const {
    return lists_[state * (kGenerations + 1) + generation].size();
  }
  // nullopt: in no list.
  std::optional<Place> find(Address object) const;
  // Calls visit(address) for each object of each list.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const auto& list : lists_) {
      for (const Address object : list) visit(object);
    }
  }
  const Findings& findings() const { return findings_; }

 private:
  // A list each state and generation, sorted by address.
  std::vector<std::vector<Address>> lists_;
  Findings findings_;
};

// What the words in front of one object say.
struct ObjectGc {
  bool collectable = false;       // gc.is_tracked can say yes: PyObject_IS_GC
  bool tracked = false;           // gc.is_tracked
  std::optional<bool> finalized;  // gc.is_finalized; absent before 3.4
};
// nullopt: those words are not in the image.
std::optional<ObjectGc> object_gc(ObjectReader& reader, const Runtime& runtime,
                                  const PythonType& type, Address object);

}  // namespace coreheap::python
