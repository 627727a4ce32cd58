// What a dict holds, takes and owns, in every table form; OrderedDict and defaultdict add to it.
#pragma once

#include <cstdint>
#include <optional>

#include "heapparse/python/type_rules.h"

namespace coreheap::python {

void dict_references(Decoder& decoder, const Object& dict, ReferenceSink visit);
std::optional<std::uint64_t> dict_size(Decoder& decoder, const Object& dict);
void dict_buffers(Decoder& decoder, const Object& dict, BufferSink visit);

}  // namespace coreheap::python
