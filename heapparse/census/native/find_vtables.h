// Where the virtual tables of a target are: see vtables.h for what they look like.
#pragma once

#include <string>
#include <vector>

#include "heapparse/image/image.h"
#include "heapparse/image/symbols.h"

namespace coreheap::census {

struct Vtable {
  Address vptr;         // address point
  Address typeinfo;     // 0: compiled without RTTI, known from a symbol
  std::string mangled;  // type name; empty when it is not in the image
  std::string symbol;   // class as a symbol has it, readable; only when `mangled` is empty
};

// Sorted by address. `symbols` may be null; they add tables without RTTI and names that are not in
// the image, and decide nothing else.
std::vector<Vtable> find_vtables(const image::Image& image, const image::Symbols* symbols);

}  // namespace coreheap::census
