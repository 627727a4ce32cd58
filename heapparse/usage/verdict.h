// The verdict: which shares of memory explain most of it, as a list, with how strong that is. It is
// drawn from one look and never claims growth.
#pragma once

#include <string>
#include <vector>

#include "heapparse/census/census.h"
#include "heapparse/usage/waterfall.h"

namespace coreheap::usage {

enum class Strength : std::uint8_t { strong, likely, weak };
std::string_view name_of(Strength strength);

struct VerdictLine {
  std::string cause;     // stable word: "live", "free", "native", "stacks", "files", "not_clear"
  std::string headline;  // "live data, not fragmentation"
  std::string sentence;  // the figures behind it
  double share = 0;      // of the waterfall's total, 0..1
  Strength strength = Strength::likely;
};

// A cause over 20 % is a line, provided the largest is over 30 %; else the one line is "not clear".
std::vector<VerdictLine> verdict(const Waterfall& waterfall, const census::Coverage& coverage);

}  // namespace coreheap::usage
