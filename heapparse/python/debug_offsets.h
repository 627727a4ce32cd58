// `_Py_DebugOffsets` (3.13 on): what a running CPython says of its own structures, compared with
// the table and put above it.
//
// Distributions patch structures and a version may come that no table knows; this block is compiled
// into the same binary as the structures, so where both speak, its word wins. It names some ninety
// of the fields that a heap analyser needs, so a table stays the ground.
//
// Invariant: nothing is taken from a block whose anchors (the size of an object's head, the place
// of its type) are not what every version has, nor a value that does not fit into its own
// structure.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cpython_layouts/layout.h"
#include "heapparse/base/address.h"
#include "heapparse/image/address_space.h"

namespace coreheap::python {

// The table's name of a field of the block: "interpreter.modules", or "tuple" for the size of that
// structure; empty for what no table has.
std::string table_name_of(std::string_view field);

struct OffsetsSaid {
  bool readable = false;  // the block is there, in the form that the table describes
  std::size_t compared = 0;
  // Where block and table differ: "interpreter.modules 7688, in the table 7656".
  std::vector<std::string> differences;
  // Values that cannot be: not taken.
  std::vector<std::string> implausible;
  // The table with the block's values; nullptr where nothing differs.
  std::shared_ptr<const layouts::Layout> corrected;
};

// `at`: the cookie, which is the beginning of the block and of `_PyRuntime`.
OffsetsSaid read_debug_offsets(const image::AddressSpace& space, Address at,
                               const layouts::Layout& table);

}  // namespace coreheap::python
