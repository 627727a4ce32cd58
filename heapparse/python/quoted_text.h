// Characters and bytes as Python quotes and escapes them, read piece by piece from the target.
#pragma once

#include <cstdint>
#include <string>

#include "heapparse/image/address_space.h"

namespace coreheap::python {

struct Characters {
  Address data;
  std::uint64_t length = 0;
  std::uint8_t char_bytes = 1;  // 1, 2 or 4
};

struct Quoting {
  // Only the quotes around the text are escaped; else every single quote, whatever stands around
  // (bytearray, while it had an escaping of its own).
  bool escape_quote_in_use = true;
};

// 'text' or "text", in ASCII: what does not print is escaped as ascii() does. Stops when `out` has
// more than `max_size` bytes, with the closing quote left out. False: not all of it is in the
// image; `out` has what is.
bool append_quoted(std::string& out, image::Reader& memory, const Characters& characters,
                   std::uint64_t max_size, Quoting quoting = {});

}  // namespace coreheap::python
