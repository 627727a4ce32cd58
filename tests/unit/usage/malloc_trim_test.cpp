// Which pages malloc_trim(0) takes from chunks whose place is known to the byte.
#include "heapparse/usage/malloc_trim.h"

#include "heapparse/usage/glibc_space.h"
#include "tests/unit/catch.h"
#include "tests/unit/usage/glibc_fixture.h"

using namespace coreheap;
using namespace coreheap::usage;
using glibc::ChunkState;

namespace {

constexpr std::uint64_t kPage = 4096;
constexpr Address kHeap{0x555555000000};
constexpr Address kOther{0x7f0000000000};

}  // namespace

TEST_CASE("A free chunk gives its whole pages but for the one that holds its links") {
  const MadeHeap made = HeapMaker()
                            .arena(kHeap, true, "[heap]")
                            .chunk(ChunkState::used, 0x100)
                            .chunk(ChunkState::bin, 4 * kPage)
                            .chunk(ChunkState::used, 0x100)
                            .chunk(ChunkState::top, 0x200)
                            .finish();
  const TrimPrediction trim = predict_trim(made.image, made.heap);
  REQUIRE(trim.ranges.size() == 1);
  CHECK(trim.ranges[0].pages == AddressRange{kHeap + kPage, kHeap + 4 * kPage});
  CHECK(trim.resident == 3 * kPage);
}

TEST_CASE(
    "A chunk whose links end just before a page gives that page, one byte later it does not") {
  for (const bool later : {false, true}) {
    const std::uint64_t before = kPage - 48 + (later ? 16 : 0);
    const MadeHeap made = HeapMaker()
                              .arena(kHeap, true, "[heap]")
                              .chunk(ChunkState::used, before)
                              .chunk(ChunkState::bin, 48 + kPage)
                              .chunk(ChunkState::used, 0x100)
                              .chunk(ChunkState::top, 0x40)
                              .finish();
    const TrimPrediction trim = predict_trim(made.image, made.heap);
    // What the libc asks first is the size: a page, less a byte, and the links.
    CHECK(trim.ranges.size() == (later ? 0 : 1));
    if (!later) CHECK(trim.ranges[0].pages == AddressRange{kHeap + kPage, kHeap + 2 * kPage});
  }
}

TEST_CASE("Fastbin chunks are merged first, tcache chunks stay in the way") {
  HeapMaker maker;
  maker.arena(kHeap, true, "[heap]").chunk(ChunkState::bin, 2 * kPage);
  SECTION("a fastbin chunk between two free ones") {
    maker.chunk(ChunkState::fastbin, 0x80)
        .chunk(ChunkState::bin, 2 * kPage)
        .chunk(ChunkState::used, 0x100)
        .chunk(ChunkState::top, 0x100);
    const MadeHeap made = maker.finish();
    CHECK(free_runs(made.heap).size() == 2);
    CHECK(predict_trim(made.image, made.heap).bytes == 3 * kPage);
  }
  SECTION("a tcache chunk between them") {
    maker.chunk(ChunkState::tcache, 0x80)
        .chunk(ChunkState::bin, 2 * kPage)
        .chunk(ChunkState::used, 0x100)
        .chunk(ChunkState::top, 0x100);
    const MadeHeap made = maker.finish();
    CHECK(free_runs(made.heap).size() == 3);
    CHECK(predict_trim(made.image, made.heap).bytes == 2 * kPage);
  }
}

TEST_CASE("brk goes down to less than a page of top, and only where top ends it") {
  const auto make = [](std::uint64_t mapped_on, const char* name, bool non_contiguous) {
    HeapMaker maker;
    maker.arena(kHeap, true, name)
        .chunk(ChunkState::used, 0x100)
        .chunk(ChunkState::top, 10 * kPage - 0x100)
        .mapped_on(mapped_on);
    MadeHeap made = maker.finish();
    made.heap.arenas[0].non_contiguous = non_contiguous;
    return predict_trim(made.image, made.heap);
  };
  const TrimPrediction trim = make(0, "[heap]", false);
  REQUIRE(trim.ranges.size() == 1);
  CHECK(trim.ranges[0].top);
  CHECK(trim.ranges[0].pages == AddressRange{kHeap + kPage, kHeap + 10 * kPage});
  CHECK(make(kPage, "[heap]", false).ranges.empty());  // somebody else moved brk
  CHECK(make(0, "", false).ranges.size() == 1);        // a core has no names
  CHECK(make(0, "", true).ranges.empty());             // a region from mmap
}

TEST_CASE("brk moves by huge pages where the libc was told to use them") {
  MadeHeap made = HeapMaker()
                      .arena(kHeap, true, "[heap]")
                      .chunk(ChunkState::used, 0x100)
                      .chunk(ChunkState::top, (5ULL << 20) - 0x100)
                      .finish();
  made.heap.parameters.thp_page_size = 2 << 20;
  CHECK(predict_trim(made.image, made.heap).bytes == 4ULL << 20);
}

TEST_CASE("The top of a thread's arena stays, and free chunks below it go") {
  const MadeHeap made = HeapMaker()
                            .arena(kHeap, true, "[heap]")
                            .chunk(ChunkState::top, 0x1000)
                            .arena(kOther, false)
                            .chunk(ChunkState::used, 0x100)
                            .chunk(ChunkState::bin, 2 * kPage)
                            .chunk(ChunkState::used, 0x100)
                            .chunk(ChunkState::top, 8 * kPage)
                            .finish();
  const TrimPrediction trim = predict_trim(made.image, made.heap);
  CHECK(trim.bytes == kPage);
  const GlibcSpace space = glibc_space(made.image, made.heap);
  CHECK(space.arenas[1].trimmable == kPage);
  CHECK(space.arenas[1].held == space.arenas[1].free_resident - kPage);
  CHECK(space.arenas[1].top_resident == 8 * kPage);
  CHECK(space.arenas[1].largest_free == 8 * kPage);
}

TEST_CASE("Pages that are not in RAM bring nothing") {
  const MadeHeap made = HeapMaker()
                            .not_resident({kHeap + 2 * kPage, kHeap + 4 * kPage})
                            .arena(kHeap, true, "[heap]")
                            .chunk(ChunkState::used, 0x100)
                            .chunk(ChunkState::bin, 6 * kPage)
                            .chunk(ChunkState::used, 0x100)
                            .chunk(ChunkState::top, 0x100)
                            .finish();
  const TrimPrediction trim = predict_trim(made.image, made.heap);
  CHECK(trim.bytes == 5 * kPage);
  CHECK(trim.resident == 3 * kPage);
  const GlibcSpace space = glibc_space(made.image, made.heap);
  CHECK(space.arenas[0].trimmable == 3 * kPage);
  REQUIRE(space.sizes.size() == 1);
  CHECK(space.sizes[0].min_size == 4 * kPage);
  CHECK(space.sizes[0].trimmable == 3 * kPage);
}
