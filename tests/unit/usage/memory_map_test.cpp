// Cells over regions that begin and end anywhere.
#include "heapparse/usage/memory_map.h"

#include <random>

#include "tests/unit/catch.h"
#include "tests/unit/usage/glibc_fixture.h"

using namespace coreheap;
using namespace coreheap::usage;
using glibc::ChunkState;

namespace {

constexpr std::uint64_t kPage = 4096;

}  // namespace

TEST_CASE("Cells add up to the regions, whatever their size") {
  std::mt19937_64 draw(7);
  HeapMaker maker;
  std::uint64_t live = 0;
  std::uint64_t all = 0;
  for (std::uint64_t a = 0; a < 3; ++a) {
    maker.arena(Address{0x7f0000000000 + (a << 26)}, a == 0);
    for (int i = 0; i < 500; ++i) {
      const std::uint64_t size = 32 + draw() % 900 * 16;
      const bool used = draw() % 2 == 0;
      maker.chunk(used ? ChunkState::used : ChunkState::bin, size);
      if (used) live += size;
      all += size;
    }
    maker.chunk(ChunkState::top, 0x1000);
    all += 0x1000;
  }
  const MadeHeap made = maker.finish();
  JobControl job;
  const auto regions = allocator_regions({}, {made.heap});
  for (const std::uint64_t cell :
       {kPage, 4 * kPage, std::uint64_t{1} << 20, std::uint64_t{1} << 30}) {
    const MemoryMap map = memory_map(made.image, made.census, regions, cell, nullptr, job);
    MapCell sum;
    Address last;
    for (const MapCell& c : map.cells) {
      CHECK(c.begin.is_aligned(cell));
      CHECK((last < c.begin || &c == map.cells.data()));
      last = c.begin;
      CHECK(c.live + c.free + c.other == c.mapped);
      CHECK(c.resident <= c.mapped);
      sum.mapped += c.mapped;
      sum.live += c.live;
    }
    CHECK(sum.mapped == all);
    // A chunk begins eight bytes in front of its row, and the first of a region has a foot outside.
    CHECK(sum.live <= live);
    CHECK(sum.live + 3 * 8 >= live);
  }
}

TEST_CASE("The size of cells is the smallest that keeps within the number of cells") {
  std::vector<Region> regions = {
      {{Address{0x10000}, Address{0x20000}}, RegionKind::glibc, 0, 0},
      {{Address{0x20000}, Address{0x28000}}, RegionKind::pymalloc, 0, 0},
      {{Address{0x7f0000000000}, Address{0x7f0000001000}}, RegionKind::glibc, 0, 0}};
  CHECK(cell_bytes_for(regions, kPage, 25) == kPage);
  CHECK(cell_bytes_for(regions, kPage, 24) == 2 * kPage);
  CHECK(cell_bytes_for({}, kPage, 10) == kPage);
}

TEST_CASE("A cell of two regions has the kind of the larger, and pinners mark theirs") {
  const MadeHeap made = HeapMaker()
                            .arena(Address{0x100000}, true)
                            .chunk(ChunkState::used, 0x40)
                            .chunk(ChunkState::top, kPage - 0x40)
                            .finish();
  const std::vector<Region> regions = {
      {{Address{0x100000}, Address{0x101000}}, RegionKind::glibc, 0, 0},
      {{Address{0x102000}, Address{0x108000}}, RegionKind::pymalloc, 0, 0}};
  Pinned pinned;
  pinned.largest.push_back({census::RowId{0}, 100});
  JobControl job;
  const MemoryMap map = memory_map(made.image, made.census, regions, 16 * kPage, &pinned, job);
  REQUIRE(map.cells.size() == 1);
  CHECK(map.cells[0].kind == RegionKind::pymalloc);
  CHECK(map.cells[0].mapped == 7 * kPage);
  CHECK(map.cells[0].pinner);
}
