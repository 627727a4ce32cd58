// Two passes, as the quotes depend on the whole text: one looks for quotes, one escapes.
#include "heapparse/python/quoted_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "heapparse/base/function_ref.h"

namespace coreheap::python {
namespace {

std::uint32_t character_at(std::span<const std::byte> bytes, std::size_t i, unsigned width) {
  std::uint32_t c = 0;
  std::memcpy(&c, bytes.data() + i * width, width);
  return c;
}

// Calls take(bytes of whole characters) until it returns false. False: bytes were missing.
bool for_each_piece(image::Reader& memory, const Characters& characters,
                    FunctionRef<bool(std::span<const std::byte>)> take) {
  const unsigned width = characters.char_bytes;
  const image::AddressSpace& space = memory.space();
  for (std::uint64_t done = 0; done < characters.length;) {
    const Address at = characters.data + done * width;
    const std::uint64_t rest = (characters.length - done) * width;
    auto bytes = memory.bytes(at, rest);
    if (bytes.empty()) bytes = space.bytes_up_to(at, rest);
    std::array<std::byte, 4> straddling{};
    if (bytes.size() < width) {  // a character across two pieces
      const auto one = std::span(straddling).first(width);
      if (!space.copy(at, one)) return false;
      bytes = one;
    }
    bytes = bytes.first(bytes.size() / width * width);
    if (!take(bytes)) return true;
    done += bytes.size() / width;
  }
  return true;
}

void append_escaped(std::string& out, std::uint32_t c) {
  if (c == '\t') {
    out += "\\t";
  } else if (c == '\n') {
    out += "\\n";
  } else if (c == '\r') {
    out += "\\r";
  } else if (c <= 0xff) {
    fmt::format_to(std::back_inserter(out), "\\x{:02x}", c);
  } else if (c <= 0xffff) {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
  } else {
    fmt::format_to(std::back_inserter(out), "\\U{:08x}", c);
  }
}

}  // namespace

bool append_quoted(std::string& out, image::Reader& memory, const Characters& characters,
                   std::uint64_t max_size, Quoting quoting) {
  const unsigned width = characters.char_bytes;
  // What lies behind the end of what is shown is not looked at.
  const std::uint64_t room = max_size - std::min<std::uint64_t>(max_size, out.size());
  std::uint64_t left = std::min(characters.length, room);
  bool single = false;
  bool twofold = false;
  for_each_piece(memory, characters, [&](std::span<const std::byte> bytes) {
    const std::uint64_t count = std::min<std::uint64_t>(bytes.size() / width, left);
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint32_t c = character_at(bytes, i, width);
      single = single || c == '\'';
      twofold = twofold || c == '"';
    }
    left -= count;
    return left != 0 && !twofold;
  });
  const char quote = single && !twofold ? '"' : '\'';
  const char escaped = quoting.escape_quote_in_use ? quote : '\'';
  out += quote;
  bool whole = true;
  const bool there = for_each_piece(memory, characters, [&](std::span<const std::byte> bytes) {
    for (std::size_t i = 0; i < bytes.size() / width; ++i) {
      const std::uint32_t c = character_at(bytes, i, width);
      if (c == static_cast<unsigned char>(escaped) || c == '\\') {
        out += '\\';
        out += static_cast<char>(c);
      } else if (c >= 0x20 && c < 0x7f) {
        out += static_cast<char>(c);
      } else {
        append_escaped(out, c);
      }
      if (out.size() > max_size) {
        whole = false;
        return false;
      }
    }
    return true;
  });
  if (there && whole) out += quote;
  return there;
}

}  // namespace coreheap::python
