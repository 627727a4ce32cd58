#include "heapparse/census/native/strings.h"

#include <algorithm>
#include <cstring>

namespace coreheap::census {
namespace {

constexpr std::uint64_t kShortest = 4;
// The end of longer text is looked for no further than this.
constexpr std::uint64_t kLongest = 1 << 20;
// Of long text so much is looked at.
constexpr std::uint64_t kExamined = 4096;
// malloc's smallest block: any string may be alone in it.
constexpr std::uint64_t kSmallestBlock = 24;

constexpr bool is_printable(std::uint32_t c) {
  return (c >= 0x20 && c < 0x7f) || c == '\t' || c == '\n' || c == '\r';
}

constexpr bool is_letter_or_digit(std::uint32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == ' ';
}

// Does text of `used` bytes, its NUL included, account for a block of `size`?
bool fills(std::span<const std::byte> block, std::uint64_t used) {
  if (block.size() <= kSmallestBlock || used * 2 >= block.size()) return true;
  // A large buffer that was cleared and holds a short string.
  const auto rest = block.subspan(used, std::min<std::uint64_t>(block.size() - used, kExamined));
  return std::ranges::all_of(rest, [](std::byte b) { return b == std::byte{0}; });
}

// Length of the well-formed UTF-8 sequence at `s`, 0 when there is none; no control characters.
std::size_t sequence_length(const std::uint8_t* s, std::size_t n) {
  if (s[0] < 0x80) return is_printable(s[0]) ? 1 : 0;
  const std::size_t length = s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : 2;
  if (s[0] < 0xc2 || s[0] > 0xf4 || length > n) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((s[i] & 0xc0) != 0x80) return 0;
  }
  if (s[0] == 0xe0 && s[1] < 0xa0) return 0;  // overlong
  if (s[0] == 0xed && s[1] > 0x9f) return 0;  // surrogates
  if (s[0] == 0xf0 && s[1] < 0x90) return 0;  // overlong
  if (s[0] == 0xf4 && s[1] > 0x8f) return 0;  // beyond Unicode
  if (s[0] == 0xc2 && s[1] < 0xa0) return 0;  // C1 controls
  return length;
}

// A string so short that all of it could be one address: is it?
bool is_address(std::span<const std::byte> block, const image::AddressSpace& space) {
  std::uint64_t word = 0;
  std::memcpy(&word, block.data(), std::min<std::size_t>(block.size(), sizeof word));
  return space.is_mapped({word});
}

std::optional<Text> narrow_text(std::span<const std::byte> block,
                                const image::AddressSpace& space) {
  const auto* s = reinterpret_cast<const std::uint8_t*>(block.data());
  const std::size_t limit = std::min<std::size_t>(block.size(), kLongest);
  const auto* end = static_cast<const std::uint8_t*>(std::memchr(s, 0, limit));
  if (end == nullptr) return std::nullopt;
  const auto length = static_cast<std::size_t>(end - s);
  if (length < kShortest || !fills(block, length + 1)) return std::nullopt;
  const std::size_t examined = std::min<std::size_t>(length, kExamined);
  std::size_t others = 0;  // characters beyond ASCII
  std::size_t plain = 0;
  for (std::size_t i = 0; i < examined;) {
    const std::size_t n = sequence_length(s + i, length - i);
    if (n == 0) return std::nullopt;
    if (n > 1) ++others;
    if (n == 1 && is_letter_or_digit(s[i])) ++plain;
    i += n;
  }
  // Random bytes come out well-formed often enough when there are few of them.
  if (length < 8 && others > 0) return std::nullopt;
  if (others == 0 && length < 16 && plain * 2 < length) return std::nullopt;
  if (length < 8 && is_address(block, space)) return std::nullopt;
  return Text{others > 0 ? TextEncoding::utf8 : TextEncoding::ascii, length};
}

// Wide text counts when it is mostly Latin letters: small integers in an array look like rare ones.
template <class Unit>
std::optional<Text> wide_text(std::span<const std::byte> block, TextEncoding encoding) {
  const std::size_t limit = std::min<std::size_t>(block.size(), kLongest) / sizeof(Unit);
  std::size_t letters = 0;
  std::size_t i = 0;
  Unit unit = 0;
  for (; i < limit; ++i) {
    std::memcpy(&unit, block.data() + i * sizeof(Unit), sizeof(Unit));
    if (unit == 0) break;
    if (!is_printable(unit) && (unit < 0xa0 || unit > 0x2fff)) return std::nullopt;
    if (is_letter_or_digit(unit)) ++letters;
    if (i == 16 && letters < 8) return std::nullopt;
  }
  if (i == limit || i < kShortest || letters * 4 < i * 3) return std::nullopt;
  if (!fills(block, (i + 1) * sizeof(Unit))) return std::nullopt;
  return Text{encoding, i};
}

}  // namespace

std::optional<Text> text_in(std::span<const std::byte> block, const image::AddressSpace& space) {
  if (block.size() < kShortest + 1) return std::nullopt;
  const auto* s = reinterpret_cast<const std::uint8_t*>(block.data());
  if (s[0] == 0) return std::nullopt;
  if (s[1] != 0) {
    if (s[2] == 0 || s[3] == 0) return std::nullopt;
    for (std::size_t i = 0; i < kShortest; ++i) {
      if (s[i] < 0x80 && !is_printable(s[i])) return std::nullopt;
    }
    return narrow_text(block, space);
  }
  // A zero second byte: only wide text of Latin letters starts so.
  if (!is_printable(s[0])) return std::nullopt;
  if (s[2] != 0) return wide_text<char16_t>(block, TextEncoding::utf16);
  if (s[3] != 0) return std::nullopt;
  return wide_text<char32_t>(block, TextEncoding::utf32);
}

}  // namespace coreheap::census
