// Whose blocks hold free memory back, to the byte.
#include "heapparse/usage/pinners.h"

#include <numeric>

#include "tests/unit/catch.h"
#include "tests/unit/usage/fixture.h"
#include "tests/unit/usage/glibc_fixture.h"

using namespace coreheap;
using namespace coreheap::usage;
using census::Kind;
using glibc::ChunkState;

namespace {

constexpr std::uint64_t kPage = 4096;
constexpr Address kHeap{0x555555000000};

std::uint64_t sum_of_groups(const Pinned& pinned) {
  return std::accumulate(pinned.groups.begin(), pinned.groups.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const PinnerGroup& g) { return sum + g.holds; });
}
std::uint64_t without(const Pinned& pinned) {
  return std::accumulate(pinned.without.begin(), pinned.without.end(), std::uint64_t{0});
}

}  // namespace

TEST_CASE("A block in use holds back the free rest of its page") {
  const MadeHeap made = HeapMaker()
                            .arena(kHeap, true, "[heap]")
                            .chunk(ChunkState::bin, 0x400)
                            .chunk(ChunkState::used, 0x100)
                            .chunk(ChunkState::bin, 0xb00)  // to the end of the page
                            .chunk(ChunkState::used, kPage)
                            .chunk(ChunkState::top, kPage)
                            .finish();
  JobControl job;
  const Pinned pinned = find_pinners(made.image, made.census, {}, {made.heap}, 10, job);
  CHECK(pinned.glibc == 0xf00 + (kPage - 0));  // and the last page of brk
  CHECK(sum_of_groups(pinned) + without(pinned) == pinned.glibc);
  REQUIRE_FALSE(pinned.largest.empty());
  CHECK(made.census.rows.address(pinned.largest[0].row) == kHeap + 0x410);
  CHECK(pinned.largest[0].holds == 0xf00);
  CHECK(pinned.without[static_cast<std::size_t>(Unpinned::main_top)] == kPage);
}

TEST_CASE("Blocks on one page share what they hold back, one on two pages has both shares") {
  const MadeHeap made = HeapMaker()
                            .arena(kHeap, true, "[heap]")
                            .chunk(ChunkState::used, 0x800)
                            .chunk(ChunkState::bin, 0x400)
                            .chunk(ChunkState::used, 0x800)  // into the second page
                            .chunk(ChunkState::bin, 0xc00)   // its end
                            .chunk(ChunkState::used, kPage)
                            .chunk(ChunkState::top, 0x20)
                            .finish();
  JobControl job;
  const Pinned pinned = find_pinners(made.image, made.census, {}, {made.heap}, 10, job);
  CHECK(sum_of_groups(pinned) + without(pinned) == pinned.glibc);
  REQUIRE(pinned.largest.size() >= 2);
  CHECK(made.census.rows.address(pinned.largest[0].row) == kHeap + 0xc10);
  CHECK(pinned.largest[0].holds == 0x200 + 0xc00);
  CHECK(pinned.largest[1].holds == 0x200);
  // The group counts it once.
  CHECK(pinned.groups.at(0).count == 2);
}

TEST_CASE("Pages that malloc_trim returns are held by nobody") {
  const MadeHeap made = HeapMaker()
                            .arena(kHeap, true, "[heap]")
                            .chunk(ChunkState::used, kPage - 48)
                            .chunk(ChunkState::bin, 48 + 5 * kPage)
                            .chunk(ChunkState::used, kPage)
                            .chunk(ChunkState::top, 0x20)
                            .finish();
  JobControl job;
  const Pinned pinned = find_pinners(made.image, made.census, {}, {made.heap}, 10, job);
  CHECK(pinned.glibc == 48 + 0x20);  // the links beside the first block, and top
}

TEST_CASE("The top of a thread's arena, tcaches and links are told apart") {
  const MadeHeap made = HeapMaker()
                            .arena(kHeap, false)
                            .chunk(ChunkState::tcache, kPage)
                            .chunk(ChunkState::used, kPage)
                            .chunk(ChunkState::top, 4 * kPage)
                            .finish();
  JobControl job;
  const Pinned pinned = find_pinners(made.image, made.census, {}, {made.heap}, 10, job);
  CHECK(pinned.groups.empty());
  CHECK(pinned.without[static_cast<std::size_t>(Unpinned::tcache)] == kPage);
  CHECK(pinned.without[static_cast<std::size_t>(Unpinned::thread_top)] == 4 * kPage);
  CHECK(without(pinned) == pinned.glibc);
}

TEST_CASE("An arena of pymalloc is held back by what lives in it, free lists included") {
  Maker maker(image::TargetKind::live);
  maker.mapping(image::MappingKind::anonymous)
      .row(Kind::python_object, 1, 1)
      .row(Kind::pymalloc_free, 10, 10, census::State::free)
      .row(Kind::free_list_object, 1, 1, census::State::cached)
      .range(census::RangeKind::pool_header, 4, 0);
  const Made made = maker.finish();
  pymalloc::PymallocHeap heap;
  pymalloc::Arena arena;
  arena.range = made.image.mappings[0].range;
  arena.live_blocks = 2;
  arena.live_bytes = 2 * kPage;
  heap.arenas.push_back(arena);
  JobControl job;
  const Pinned pinned = find_pinners(made.image, made.census, heap, {}, 10, job);
  CHECK(pinned.pymalloc == 10 * kPage);
  CHECK(sum_of_groups(pinned) == 10 * kPage);
  CHECK(pinned.groups.size() == 2);
  CHECK(pinned.largest.size() == 2);
  CHECK(pinned.largest[0].holds == 5 * kPage);
}
