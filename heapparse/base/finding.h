// Corruption and gaps are data, not errors: each is a Finding with an address, and the walk goes
// on.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "heapparse/base/address.h"

namespace coreheap {

enum class Severity : std::uint8_t { note, warning, damage };

struct Finding {
  Address address;       // where; 0 when it concerns the whole image
  std::string what;      // short, stable: "chunk size out of range"
  std::string evidence;  // the words that were read, what was expected
  Severity severity = Severity::warning;
};

using Findings = std::vector<Finding>;

// How something was found and how sure that is; `heap info` prints the list.
struct Evidence {
  std::string subject;  // "main_arena", "PyType_Type", "layout"
  std::string how;      // "self-referencing bins in .data of libc.so.6, ring of 3 arenas closes"
  enum class Strength : std::uint8_t { certain, probable, guess } strength = Strength::certain;
};

}  // namespace coreheap
