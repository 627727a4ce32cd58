// Does a block hold text? For blocks that nothing else explained: strdup'ed names, std::string
// buffers, paths and messages.
//
// Text is NUL-terminated, at least four characters long, well-formed, and fills the block as a
// string would: allocators round up by a few bytes, growing strings at most double. Short text is
// not taken for text when its bytes are an address of the target ("@euUUU" is 0x555555756540).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "heapparse/image/address_space.h"

namespace coreheap::census {

enum class TextEncoding : std::uint8_t { ascii, utf8, utf16, utf32 };

struct Text {
  TextEncoding encoding = TextEncoding::ascii;
  std::uint64_t length = 0;  // in code units, without the NUL
};

// `block` is what the block can hold. Reads no more than it needs to say no: a few bytes, as a
// rule.
std::optional<Text> text_in(std::span<const std::byte> block, const image::AddressSpace& space);

}  // namespace coreheap::census
