// The tables against figures that were measured on releases of glibc, and range arithmetic.
#include "heapparse/malloc/layout.h"

#include "heapparse/malloc/anonymous_memory.h"
#include "tests/unit/catch.h"

namespace coreheap::glibc {

TEST_CASE("first chunks of heaps are where releases were seen to put them") {
  const auto rows = arena_layouts();
  REQUIRE(rows.size() == 4);
  CHECK(rows[0].first_chunk(32) == 0x8b0);
  CHECK(rows[1].first_chunk(32) == 0x8b0);
  CHECK(rows[2].first_chunk(32) == 0x8c0);
  CHECK(rows[2].first_chunk(48) == 0x8d0);
  CHECK(rows[3].first_chunk(48) == 0x870);
}

TEST_CASE("a malloc_state ends right behind max_system_mem") {
  for (const ArenaLayout& row : arena_layouts()) {
    CHECK(row.bins + row.max_system_mem() + 8 == row.size);
  }
}

TEST_CASE("tcache structs have the chunk sizes that were seen") {
  const auto rows = tcache_layouts();
  CHECK(rows[0].chunk_size() == 0x250);
  CHECK(rows[1].chunk_size() == 0x290);
  CHECK(rows[2].chunk_size() == 0x300);
  CHECK(rows[2].fits_chunk(0x320));
  CHECK_FALSE(rows[2].fits_chunk(0x330));
  for (const TcacheLayout& row : rows) CHECK(row.entries + 8 * row.bins == row.size);
}

TEST_CASE("large tcache bins follow the powers of two") {
  CHECK(tcache_bin_sizes(0).first == 32);
  CHECK(tcache_bin_sizes(63).last == 1040);
  CHECK(tcache_bin_sizes(64).first == 1024);
  CHECK(tcache_bin_sizes(75).last == (4ULL << 20) - 1);
}

TEST_CASE("bins are indexed as glibc does") {
  CHECK(bin_index(32) == 2);
  CHECK(bin_index(1008) == 63);
  CHECK(bin_index(1024) == 64);
  CHECK(bin_index(3120) == 96);
  CHECK(bin_index(3136) == 97);
  CHECK(bin_index(1ULL << 20) == 126);
  unsigned previous = 2;
  for (std::uint64_t size = 32; size < 2 << 20; size += 16) {
    CHECK((bin_index(size) == previous || bin_index(size) == previous + 1));
    previous = bin_index(size);
  }
}

TEST_CASE("ranges are joined, cut and intersected") {
  const auto r = [](std::uint64_t a, std::uint64_t b) { return AddressRange{{a}, {b}}; };
  using Ranges = std::vector<AddressRange>;
  CHECK(normalised({r(8, 10), r(1, 4), r(4, 6), r(3, 3)}) == Ranges{r(1, 6), r(8, 10)});
  CHECK(without({r(0, 10), r(20, 30)}, {r(2, 3), r(5, 25)}) == Ranges{r(0, 2), r(3, 5), r(25, 30)});
  CHECK(without({r(0, 10)}, {r(0, 10)}).empty());
  CHECK(common({r(0, 10), r(20, 30)}, {r(5, 22), r(29, 40)}) ==
        Ranges{r(5, 10), r(20, 22), r(29, 30)});
}

}  // namespace coreheap::glibc
