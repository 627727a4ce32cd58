// The last blocks in use.
#include "heapparse/usage/heap_ends.h"

#include "tests/unit/catch.h"
#include "tests/unit/usage/glibc_fixture.h"

using namespace coreheap;
using namespace coreheap::usage;
using glibc::ChunkState;

TEST_CASE("The last block in use is named, with what would join top if it went") {
  const MadeHeap made = HeapMaker()
                            .arena(Address{0x1000000}, true)
                            .chunk(ChunkState::used, 0x1000)
                            .chunk(ChunkState::bin, 0x2000)
                            .chunk(ChunkState::fastbin, 0x40)
                            .chunk(ChunkState::used, 0x80)
                            .chunk(ChunkState::fastbin, 0x20)
                            .chunk(ChunkState::top, 0x500)
                            .arena(Address{0x2000000}, false)
                            .chunk(ChunkState::used, 0x100)
                            .chunk(ChunkState::tcache, 0x100)
                            .chunk(ChunkState::top, 0x500)
                            .finish();
  const auto ends = heap_ends(made.heap);
  REQUIRE(ends.size() == 2);
  CHECK(ends[0].arena == 0);
  CHECK(ends[0].block == Address{0x1000000 + 0x1000 + 0x2000 + 0x40 + 16});
  CHECK(ends[0].below == 0x2040);
  CHECK(ends[0].top == 0x520);
  CHECK(ends[1].below == 0);
  CHECK(ends[1].size == 0x100);
}

TEST_CASE("A heap of nothing but top has no end to name") {
  const MadeHeap made =
      HeapMaker().arena(Address{0x1000000}, true).chunk(ChunkState::top, 0x1000).finish();
  CHECK(heap_ends(made.heap).empty());
  CHECK(heap_ends(glibc::MallocHeap{}).empty());
}
