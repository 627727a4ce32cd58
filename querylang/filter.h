// Conditions compiled for a scan: what depends on a small id of the row becomes a table of that id,
// what compares a column with a constant becomes a range, everything else is evaluated. The cheap
// ones come first; memory is touched only for rows that they let pass.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "querylang/evaluate.h"

namespace coreheap::query {

struct Filter {
  enum class Kind : std::uint8_t { dictionary, range, general } kind = Kind::general;
  const Typed* condition = nullptr;  // null: of the source
  Cost cost = Cost::columns;
  Dictionary dictionary = Dictionary::none;
  std::vector<std::uint8_t> keep;         // by entry; the last one: no entry
  std::span<const std::uint64_t> column;  // range: least <= column[row] <= most
  std::uint64_t least = 0;
  std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  bool outside = false;  // range: != instead

  // Keeps the rows of the census that pass.
  void apply(Evaluator& evaluator, std::vector<std::uint32_t>& rows) const;
};

// In the order in which they are to be applied. `table`: the rows are a table's, not the census's.
std::vector<Filter> compile(const std::vector<const Typed*>& conditions, Worker& worker,
                            bool table);
// What a source of the census is made of.
std::vector<Filter> source_filters(SourceId source, const census::Census& census);

}  // namespace coreheap::query
