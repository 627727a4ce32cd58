// Pieces, gaps and overlaps of an AddressSpace; sets of ranges.
#include "heapparse/image/address_space.h"

#include <random>

#include "heapparse/image/ranges.h"
#include "tests/unit/catch.h"
#include "tests/unit/image/core_builder.h"

namespace coreheap::image {
namespace {

using test::addressed;
using test::filled;

Piece piece(std::uint64_t begin, std::span<const std::byte> bytes,
            ByteSource source = ByteSource::core_file) {
  return {{{begin}, {begin + bytes.size()}}, bytes.data(), source};
}

TEST_CASE("pieces that touch in target and memory are one span") {
  const auto bytes = addressed(0x1000, 0x3000);
  const std::span all(bytes);
  const AddressSpace space({piece(0x3000, all.subspan(0x2000)), piece(0x1000, all.first(0x1000)),
                            piece(0x2000, all.subspan(0x1000, 0x1000))},
                           {});
  REQUIRE(space.pieces().size() == 1);
  CHECK(space.bytes({0x1000}, 0x3000).size() == 0x3000);
  CHECK(space.read<std::uint64_t>({0x2ff8}) == 0x2ff8);
}

TEST_CASE("pieces that touch in the target only are read across") {
  const auto low = addressed(0x1000, 0x1000);
  const auto high = addressed(0x2000, 0x1000);
  const AddressSpace space({piece(0x1000, low), piece(0x2000, high)}, {});
  CHECK(space.pieces().size() == 2);
  CHECK(space.bytes({0x1ffc}, 8).empty());
  CHECK(space.bytes_up_to({0x1ffc}, 8).size() == 4);
  CHECK(space.read<std::uint64_t>({0x1ffc}) == 0x200000000000ULL);
  Reader reader(space);
  CHECK(reader.read<std::uint64_t>({0x1ffc}) == 0x200000000000ULL);
  CHECK(reader.read<std::uint64_t>({0x2000}) == 0x2000);
  CHECK_FALSE(reader.read<std::uint64_t>({0x2ffc}));
}

TEST_CASE("sources are not merged") {
  const auto bytes = addressed(0x1000, 0x2000);
  const std::span all(bytes);
  const AddressSpace space({piece(0x1000, all.first(0x1000)),
                            piece(0x2000, all.subspan(0x1000), ByteSource::backing_file)},
                           {});
  CHECK(space.pieces().size() == 2);
}

TEST_CASE("present, missing and unmapped are told apart") {
  const auto bytes = filled(0x1000, 1);
  const AddressSpace space({piece(0x2000, bytes)},
                           {{{0x1000}, {0x2000}}, {{0x2000}, {0x4000}}, {{0x8000}, {0x9000}}});
  CHECK(space.presence({0xfff}) == Presence::unmapped);
  CHECK(space.presence({0x1000}) == Presence::missing);
  CHECK(space.presence({0x2000}) == Presence::present);
  CHECK(space.presence({0x2fff}) == Presence::present);
  CHECK(space.presence({0x3000}) == Presence::missing);
  CHECK(space.presence({0x4000}) == Presence::unmapped);
  CHECK(space.presence({0x8fff}) == Presence::missing);
  CHECK(space.mapped().size() == 2);
  CHECK_FALSE(space.read<std::uint32_t>({0x2ffe}));
}

TEST_CASE("of overlapping pieces the earlier argument's bytes are kept") {
  const auto ones = filled(0x1000, 1);
  const auto twos = filled(0x4000, 2);
  const AddressSpace space({piece(0x2000, ones), piece(0x1000, twos)}, {});
  CHECK(space.read<std::uint8_t>({0x1fff}) == 2);
  CHECK(space.read<std::uint8_t>({0x2000}) == 1);
  CHECK(space.read<std::uint8_t>({0x2fff}) == 1);
  CHECK(space.read<std::uint8_t>({0x3000}) == 2);
  CHECK(space.read<std::uint8_t>({0x4fff}) == 2);
  CHECK(space.presence({0x5000}) == Presence::unmapped);
}

TEST_CASE("random overlaps equal a byte-by-byte model") {
  std::mt19937 random(7);
  const auto bytes = addressed(0, 0x400);
  for (int round = 0; round < 300; ++round) {
    std::vector<Piece> pieces;
    std::vector<int> model(0x400, -1);
    for (int i = 0; i < 12; ++i) {
      const std::uint64_t begin = random() % 0x380;
      const std::uint64_t size = random() % 0x80;
      const std::uint64_t from = random() % 0x380;
      pieces.push_back(piece(begin, std::span(bytes).subspan(from, size)));
      for (std::uint64_t k = 0; k < size; ++k) {
        if (model[begin + k] < 0) model[begin + k] = static_cast<int>(from + k);
      }
    }
    const AddressSpace space(pieces, {});
    for (std::uint64_t a = 0; a < model.size(); ++a) {
      const auto value = space.read<std::byte>({a});
      REQUIRE(value.has_value() == (model[a] >= 0));
      if (value) REQUIRE(*value == bytes[static_cast<std::size_t>(model[a])]);
    }
    for (std::size_t i = 1; i < space.pieces().size(); ++i) {
      REQUIRE(space.pieces()[i - 1].range.end <= space.pieces()[i].range.begin);
    }
  }
}

TEST_CASE("strings end at their NUL, at a gap, or at the limit") {
  auto low = filled(0x1000, 'a');
  auto high = filled(0x1000, 'b');
  high[2] = std::byte{0};
  const AddressSpace space({piece(0x1000, low), piece(0x2000, high)}, {});
  CHECK(space.read_c_string({0x1ffe}, 100) == "aabb");
  CHECK(space.read_c_string({0x2002}, 100) == "");
  CHECK_FALSE(space.read_c_string({0x1ffe}, 4));
  CHECK_FALSE(space.read_c_string({0x2f00}, 0x1000));
  CHECK_FALSE(space.read_c_string({0x5000}, 10));
}

TEST_CASE("addresses at the end of the address space do not wrap") {
  const auto bytes = filled(0xfff, 3);
  const AddressSpace space({piece(0xfffffffffffff000ULL, bytes)}, {});
  CHECK(space.read<std::uint8_t>({0xfffffffffffffffeULL}) == 3);
  CHECK_FALSE(space.read<std::uint64_t>({0xfffffffffffffffcULL}));
  CHECK_FALSE(space.read<std::uint64_t>({0xffffffffffffffffULL}));
  CHECK(space.bytes({0xfffffffffffff000ULL}, UINT64_MAX).empty());
}

TEST_CASE("range sets: subtract and intersect equal a model") {
  std::mt19937 random(11);
  for (int round = 0; round < 500; ++round) {
    Ranges sets[2];
    std::vector<bool> model[2] = {std::vector<bool>(64), std::vector<bool>(64)};
    for (int s = 0; s < 2; ++s) {
      for (int i = 0; i < 5; ++i) {
        const std::uint64_t a = random() % 60;
        const std::uint64_t b = a + random() % 6;
        sets[s].push_back({{a}, {b}});
        for (std::uint64_t k = a; k < b && k < 64; ++k) model[s][k] = true;
      }
      sets[s] = normalised(sets[s]);
    }
    const Ranges minus = subtract(sets[0], sets[1]);
    const Ranges both = intersect(sets[0], sets[1]);
    for (std::uint64_t k = 0; k < 64; ++k) {
      const AddressRange unit{{k}, {k + 1}};
      REQUIRE(bytes_in(minus, unit) == (model[0][k] && !model[1][k] ? 1 : 0));
      REQUIRE(bytes_in(both, unit) == (model[0][k] && model[1][k] ? 1 : 0));
    }
  }
}

}  // namespace
}  // namespace coreheap::image
