// The collector's state where it is no struct but static variables of one C file (up to 3.6).
//
// Their names are local symbols, gone in a stripped program. The generations are found by their
// shape: three list heads at one stride, and a pointer to the first. The plain integers have no
// shape; they are read where the machine code of gc.isenabled, gc.get_debug, gc.collect and
// gc.get_stats reads them (x86-64; the functions' addresses are in the module's methods). Absent
// is what cannot be found so.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "heapparse/base/finding.h"
#include "heapparse/image/image.h"
#include "heapparse/python/object_reader.h"
#include "heapparse/python/runtime.h"

namespace coreheap::python {

struct GcStatics {
  Address generations;  // 0: not found
  std::uint32_t stride = 0;
  Address enabled;
  Address debug;
  Address collecting;
  Address statistics;
  Address garbage;  // the objects under these names in the dict of module gc
  Address callbacks;
  std::vector<Evidence> evidence;
};

// Do `count` heads of circular lists stand at `first`, `stride` bytes apart? Each head's neighbours
// must point back to it, except where a collection has overwritten their backward links.
bool are_list_heads(ObjectReader& reader, Address first, std::uint32_t stride, std::size_t count);

GcStatics find_gc_statics(const image::Image& image, const Runtime& runtime, ObjectReader& reader);

}  // namespace coreheap::python
