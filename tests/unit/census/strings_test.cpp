// Text in blocks, and all that only looks like it.
#include "heapparse/census/native/strings.h"

#include <cstring>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/catch.h"

namespace {

using namespace coreheap;
using census::Text;
using census::text_in;
using census::TextEncoding;

// Heap of a program at a fixed address, of one without address randomisation, of one with.
const image::AddressSpace kSpace({}, {{{0x41000000}, {0x7f000000}},
                                      {{0x555555000000}, {0x555555800000}},
                                      {{0x7f4141000000}, {0x7f4143000000}}});

// malloc's block for a string with its NUL, the rest of it left from before.
std::vector<std::byte> block_of(std::string_view text, std::byte rest = std::byte{0xdd}) {
  const std::size_t size = std::max<std::size_t>(24, (text.size() + 1 + 8 + 15) / 16 * 16 - 8);
  std::vector<std::byte> block(size, rest);
  std::memcpy(block.data(), text.data(), text.size());
  block[text.size()] = std::byte{0};
  return block;
}

template <class T>
std::vector<std::byte> block_of_values(const std::vector<T>& values) {
  std::vector<std::byte> block(values.size() * sizeof(T));
  std::memcpy(block.data(), values.data(), block.size());
  return block;
}

TEST_CASE("strings of every length from four on are found in the block that malloc gives") {
  for (std::size_t length = 4; length < 9000; length += length < 100 ? 1 : 97) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) text += static_cast<char>('a' + i % 26);
    const auto found = text_in(block_of(text), kSpace);
    REQUIRE(found.has_value());
    CHECK(found->encoding == TextEncoding::ascii);
    CHECK(found->length == length);
  }
}

TEST_CASE("paths, messages with line ends and UTF-8 are text") {
  for (const std::string_view text :
       {"/usr/lib/python3/dist-packages", "key=value\n\tnext\r\n", "LC_ALL=C", "a-b_c.d"}) {
    CHECK(text_in(block_of(text), kSpace)->encoding == TextEncoding::ascii);
  }
  const std::string_view utf8 =
      "Gr\xc3\xbc\xc3\x9f"
      "e aus \xe6\x9d\xb1\xe4\xba\xac \xf0\x9f\x90\x8d";
  const auto found = text_in(block_of(utf8), kSpace);
  REQUIRE(found.has_value());
  CHECK(found->encoding == TextEncoding::utf8);
  CHECK(found->length == utf8.size());
}

TEST_CASE("a growing string's buffer may be half empty, a cleared one nearly so") {
  std::vector<std::byte> block(120, std::byte{0xdd});
  const std::string text(60, 'x');
  std::memcpy(block.data(), text.c_str(), 61);
  CHECK(text_in(block, kSpace)->length == 60);
  std::vector<std::byte> cleared(4096);
  std::memcpy(cleared.data(), "/tmp/socket", 11);
  CHECK(text_in(cleared, kSpace)->length == 11);
  // A structure that starts with a name is no string.
  std::vector<std::byte> structure(120, std::byte{0xdd});
  std::memcpy(structure.data(), "worker-1", 9);
  CHECK(!text_in(structure, kSpace).has_value());
}

TEST_CASE("wide text is told apart by its unit") {
  const auto utf16 = block_of_values(std::vector<char16_t>{'w', 'i', 'd', 'e', ' ', 0xfc, 'o', 0});
  CHECK(text_in(utf16, kSpace)->encoding == TextEncoding::utf16);
  CHECK(text_in(utf16, kSpace)->length == 7);
  const auto utf32 = block_of_values(std::vector<char32_t>{'w', 'i', 'd', 'e', '-', 'c', 'h', 0});
  CHECK(text_in(utf32, kSpace)->encoding == TextEncoding::utf32);
}

TEST_CASE("addresses of the target are no text, however printable") {
  for (const std::uint64_t address :
       {0x555555756540ULL, 0x41424344ULL, 0x61626364ULL, 0x7f4142434445ULL}) {
    for (const std::size_t words : {1u, 2u, 3u}) {
      const auto block = block_of_values(std::vector<std::uint64_t>(words, address));
      CHECK(!text_in(block, kSpace).has_value());
    }
  }
  // The same bytes where nothing is mapped are text.
  CHECK(text_in(block_of("Bo50Zz"), kSpace).has_value());
}

TEST_CASE("numbers are no text") {
  CHECK(!text_in(block_of_values(std::vector<std::int64_t>{65, 66, 67}), kSpace));
  CHECK(!text_in(block_of_values(std::vector<std::int32_t>{33, 40, 35, 60, 41, 0}), kSpace));
  CHECK(!text_in(block_of_values(std::vector<std::int32_t>{1, 2, 3, 0}), kSpace));
  CHECK(!text_in(block_of_values(std::vector<double>{1.0, 2.5, 3.25}), kSpace));
  CHECK(!text_in(block_of_values(std::vector<double>(40, 0.1)), kSpace));
  CHECK(!text_in(std::vector<std::byte>(64), kSpace));
  CHECK(!text_in(std::vector<std::byte>(64, std::byte{0xff}), kSpace));
  CHECK(!text_in(std::vector<std::byte>(64, std::byte{0xdd}), kSpace));
}

TEST_CASE("what is no well-formed UTF-8 is no text") {
  for (const std::string_view text : {
           "abcdefgh\xc0\x80xyz",          // overlong
           "abcdefgh\xed\xa0\x80xyz",      // surrogate
           "abcdefgh\xf4\x90\x80\x80xyz",  // beyond Unicode
           "abcdefgh\xc3",                 // cut off
           "abcdefgh\x80xyz",              // starts in the middle
           "abcdefgh\x01xyz",              // control character
           "\x1b[31mred and more",         // escape sequence
           "abc\xc3\xbc",                  // right, but too short to be told from chance
       }) {
    CHECK(!text_in(block_of(text), kSpace).has_value());
  }
}

TEST_CASE("text without an end inside the block is none, and nothing behind the block is read") {
  for (std::size_t size = 0; size < 64; ++size) {
    // Of exactly this size, so that a sanitizer sees a byte too far.
    const std::vector<std::byte> block(size, std::byte{'a'});
    CHECK(!text_in(block, kSpace).has_value());
    std::vector<std::byte> wide(size);
    for (std::size_t i = 0; i < size; i += 2) wide[i] = std::byte{'a'};
    CHECK(!text_in(wide, kSpace).has_value());
  }
}

TEST_CASE("no address in mapped memory is ever text, whatever its bytes") {
  std::mt19937_64 random(7);
  for (int i = 0; i < 200000; ++i) {
    const AddressRange& range = kSpace.mapped()[random() % kSpace.mapped().size()];
    const std::vector<std::uint64_t> words(1 + i % 8, range.begin.value + random() % range.size());
    REQUIRE(!text_in(block_of_values(words), kSpace).has_value());
  }
}

TEST_CASE("of random blocks less than one in ten thousand is text") {
  std::mt19937_64 random(7);
  std::size_t found = 0;
  for (int i = 0; i < 200000; ++i) {
    std::vector<std::uint64_t> words(1 + i % 8);
    for (auto& word : words) word = random();
    if (text_in(block_of_values(words), kSpace)) ++found;
  }
  CHECK(found < 20);
}

}  // namespace
