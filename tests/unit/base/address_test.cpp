// Arithmetic on addresses of the target, at the borders of 64 bits too.
#include "heapparse/base/address.h"

#include <unordered_set>

#include "tests/unit/catch.h"

namespace {

using namespace coreheap;

constexpr Address kLast{~std::uint64_t{0}};

TEST_CASE("addresses wrap like the target's own") {
  CHECK(kLast + 1 == Address{});
  CHECK(Address{} - 1 == kLast);
  CHECK(Address{5} - Address{8} == ~std::uint64_t{2});
  Address a{8};
  a += 8;
  CHECK(a == Address{16});
  CHECK(Address{1} < kLast);
  CHECK_FALSE(static_cast<bool>(Address{}));
  CHECK(static_cast<bool>(kLast));
}

TEST_CASE("alignment goes down, up and stays") {
  CHECK(Address{0x1234}.aligned_down(16) == Address{0x1230});
  CHECK(Address{0x1234}.aligned_up(16) == Address{0x1240});
  CHECK(Address{0x1230}.aligned_up(16) == Address{0x1230});
  CHECK(Address{0x1230}.aligned_down(1) == Address{0x1230});
  CHECK(Address{0x1230}.is_aligned(16));
  CHECK_FALSE(Address{0x1238}.is_aligned(16));
  CHECK(Address{}.is_aligned(4096));
  // The page behind the last one is the first.
  CHECK(kLast.aligned_up(4096) == Address{});
  CHECK(kLast.aligned_down(4096) == Address{0xfffffffffffff000});
}

TEST_CASE("a range holds what lies wholly inside") {
  const AddressRange r{Address{0x1000}, Address{0x2000}};
  CHECK(r.size() == 0x1000);
  CHECK(r.contains(Address{0x1000}));
  CHECK(r.contains(Address{0x1fff}));
  CHECK_FALSE(r.contains(Address{0x2000}));
  CHECK_FALSE(r.contains(Address{0xfff}));
  CHECK(r.contains(Address{0x1000}, 0x1000));
  CHECK(r.contains(Address{0x2000}, 0));
  CHECK_FALSE(r.contains(Address{0x1000}, 0x1001));
  CHECK_FALSE(r.contains(Address{0x1800}, ~std::uint64_t{0}));
  CHECK_FALSE(r.contains(Address{0xfff}, 1));
  CHECK_FALSE(r.contains(kLast, 2));
  CHECK_FALSE(r.empty());
  CHECK(AddressRange{Address{5}, Address{5}}.empty());
  CHECK(AddressRange{Address{6}, Address{5}}.empty());
}

TEST_CASE("neighbouring heap addresses have different hashes") {
  std::unordered_set<std::size_t> seen;
  for (std::uint64_t i = 0; i < 10000; ++i) {
    // The top bits decide in tables of powers of two.
    seen.insert(std::hash<Address>{}(Address{0x7f0000000000 + 16 * i}) >> 40);
  }
  CHECK(seen.size() > 9900);
}

}  // namespace
