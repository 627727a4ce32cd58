// The references an object holds, with the names it holds them under: the one decoder of edges.
//
// Invariant: the references with skipped == none are, as a multiset, what gc.get_referents says of
// the object; the others are owned too, and each has its documented cause. Weak references are not
// edges.
#pragma once

#include <string>

#include "heapparse/python/decoder.h"
#include "heapparse/python/reference.h"
#include "heapparse/python/type_rules.h"

namespace coreheap::python {

void for_each_reference(Decoder& decoder, const Object& object, ReferenceSink visit);

// The edge's name as shown: ".name", "['key']", "[3]", "<local x>"; text in ASCII.
std::string edge_text(Decoder& decoder, const EdgeName& name);

}  // namespace coreheap::python
