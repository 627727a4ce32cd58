// A few words on an object beyond its type, without showing its contents: how many items, which
// module, function or class. Keys and names of attributes appear in paths; values never.
#pragma once

#include <optional>
#include <string>

#include "heapparse/python/decoder.h"

namespace coreheap::commands {

// Items of a container, characters of a text, bytes of a buffer.
std::optional<std::uint64_t> length_of(python::Decoder& decoder, const python::Object& object);

// "61,204 items", "module app", "handle() at app.py:12", "class app.Node"; may be empty.
std::string object_label(python::Decoder& decoder, const python::Object& object);

}  // namespace coreheap::commands
